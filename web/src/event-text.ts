import { parse } from './json.js';

/** One event as the server sends it. */
export interface Sent {
  event: string;
  id: string | undefined;
  data: unknown;
}

/** Takes text/event-stream in pieces of any size. */
export function reader(onEvent: (sent: Sent) => void): (piece: string) => void {
  let rest = '';
  let [event, id, data]: [string, string | undefined, string[]] = ['message', undefined, []];
  return (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, name, value = ''] = /^(\w*)(?:: ?(.*?))?\r?$/.exec(line) ?? [];
      if (name === 'event') event = value;
      else if (name === 'id') id = value;
      else if (name === 'data') data.push(value);
      else if (line.replace('\r', '') === '') {
        if (data.length > 0) onEvent({ event, id, data: parse(data.join('\n')) });
        [event, id, data] = ['message', undefined, []];
      }
    }
  };
}
