import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { defineWrite } from './define.js';
import { eventType, id, json, reason, symbol, time } from './fields.js';
import { insertion } from './insert.js';

export const riskEventInput = z.strictObject({
  event_id: id('event')
    .default(() => randomUUID())
    .meta({
      description:
        'Id of the event; made where it is left out, but then sending it again records another event',
    }),
  event_type: eventType,
  signal_id: id('signal that it is about').nullish(),
  symbol: symbol.nullish(),
  reason,
  details: json.nullish(),
  timestamp: time,
});

type RiskEvent = z.output<typeof riskEventInput>;
const idOf = (event: RiskEvent) => event.event_id;

export const { one: recordRiskEvent, many: recordRiskEvents } = defineWrite(
  'Records a risk event.',
  riskEventInput,
  {
    what: 'risk event',
    ids: ['event_id'],
    idOf,
    statement: insertion<RiskEvent>({
      table: 'risk_events',
      key: ['event_id'],
      columns: {
        event_id: 'text',
        event_type: 'text',
        signal_id: 'text',
        symbol: 'text',
        reason: 'text',
        details: 'jsonb',
        timestamp: 'bigint',
      },
      idOf,
    }),
  },
);
