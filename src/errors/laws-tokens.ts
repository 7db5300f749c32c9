/** Laws of the tokens that HTTP asks for. */
export const tokenLaws = {
  token_impossible: {
    sentence: 'A token has a name of letters, digits, spaces, dots and dashes, and one role of its book.',
    remedy:
      'Name it after who uses it, in 50 characters, with signal_engine, risk_manager, execution_service, claire_reader, claire_operator or claire.',
    constraints: ['tokens_token_id_check', 'tokens_name_check', 'tokens_role_check', 'tokens_hash_check'],
  },
  token_name_taken: {
    sentence: 'A token of this name holds already: of two nobody could tell who did what.',
    remedy: 'Take another name, or revoke that one first: see `claire tokens list`.',
    constraints: ['tokens_name_taken'],
  },
} as const;
