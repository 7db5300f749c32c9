/** What a row may hold, from the input of the verb that records it. */
export interface Columns {
  names: readonly string[];
  /** Those that no row may leave out. */
  required: readonly string[];
  /** Ids that the verb would make where they are left out. */
  ids: readonly string[];
  /** Those that hold a JSON object. */
  json: readonly string[];
}

/** A row as it stands in the file: what may be true of it is for the record to decide. */
export interface Row {
  /** Where it ends, counted from 1 as an editor does. */
  line: number;
  /** Bytes in the source, about. */
  size: number;
  fields: Record<string, unknown>;
}
