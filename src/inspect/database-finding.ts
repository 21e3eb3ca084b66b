/** What was examined of a database, and what was found. */
export interface Diagnosis {
  /** Whether there is no failure. */
  readonly ok: boolean;
  /** The findings, in the order in which they were made. */
  readonly findings: readonly DatabaseFinding[];
}

/** One thing that was examined. */
export interface DatabaseFinding {
  /** What was examined. */
  readonly check: DatabaseCheck;
  /** `failure`: a bootstrap or an application fails because of it. `warning`: somebody should look at it. */
  readonly status: 'fine' | 'warning' | 'failure';
  /** What was found, and what to do. */
  readonly message: string;
  /** Statements that fix it, for an administrator to run; may be empty. */
  readonly remedies: readonly string[];
}

/** What is examined, in this order. */
export type DatabaseCheck =
  | 'server'
  | 'connection'
  | 'table'
  | 'other tables'
  | 'migrations'
  | 'privileges'
  | 'index'
  | 'rules';

const finding =
  (status: DatabaseFinding['status']) =>
  (check: DatabaseCheck, message: string, remedies: readonly string[] = []): DatabaseFinding => {
    return { check, status, message, remedies };
  };

export const fine = finding('fine');
export const warning = finding('warning');
export const failure = finding('failure');
