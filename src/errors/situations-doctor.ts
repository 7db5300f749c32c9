import { EXIT } from './exit-codes.js';

/** Errors of the doctor. */
export const doctorSituations = {
  doctor_check_unknown: {
    sentence: 'The doctor has no check of this name.',
    remedy: 'Take a name from `claire doctor`.',
    status: 404,
    exit: EXIT.input,
  },
  doctor_needs_a_person: {
    sentence: 'What is wrong cannot be mended by statements that are safe for everybody; nothing was run.',
    remedy: 'Do what the remedy says, or decide between what it names.',
    status: 409,
    exit: EXIT.refused,
  },
  doctor_not_fixed: {
    sentence: 'Nothing was run: it was not confirmed.',
    remedy: 'Answer with the name of the check, or say --yes.',
    status: 409,
    exit: EXIT.refused,
  },
} as const;
