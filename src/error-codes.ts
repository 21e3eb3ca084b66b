/** What kind of failure an error is; stable, for `switch` and for logs. */
export type BootstrapErrorCode =
  /**
   * Options, model, policy, seeders or tenants are wrong. Correct what `problems` lists; each has a code of
   * its own.
   */
  | 'INVALID_OPTIONS'
  /**
   * No connection to the server was possible. Check host and port, that the server runs, and that the pool
   * has a free client.
   */
  | 'CONNECTION_FAILED'
  /** The server refused the login. Check user and password, and `pg_hba.conf`. */
  | 'AUTHENTICATION_FAILED'
  /** The server has no database of that name. Create it, or correct its name. */
  | 'DATABASE_MISSING'
  /**
   * The connection ended, or the server did not answer any more, before the commit. Run it again; nothing
   * was changed. A live enforcer connects again by itself.
   */
  | 'CONNECTION_LOST'
  /**
   * The connection ended during the commit, so it is unknown whether the changes were committed. Run it
   * again, which is safe in both cases.
   */
  | 'OUTCOME_UNKNOWN'
  /**
   * Another session held a lock for longer than `lockTimeoutMs`, or than the `lock_timeout` of the caller's
   * connection. Wait for the sessions that the message names, or raise the limit.
   */
  | 'LOCK_TIMEOUT'
  /**
   * A statement took longer than allowed. Run it again, or raise `statementTimeoutMs` or the role's
   * `statement_timeout`.
   */
  | 'STATEMENT_TIMEOUT'
  /**
   * Changes are needed, but the server is read-only, such as a standby, or the caller's transaction is. Run the
   * bootstrap on the primary once; begin the transaction with `read write`.
   */
  | 'READ_ONLY_DATABASE'
  /**
   * An earlier error has aborted the transaction that is open on the caller's client. Roll it back, and begin
   * again.
   */
  | 'TRANSACTION_ABORTED'
  /** Changes are needed, but the server is a worker of Citus. Run the bootstrap on the coordinator once. */
  | 'COORDINATOR_NEEDED'
  /**
   * The role lacks a privilege, or the ownership of a table. Let an administrator run the statements in
   * `remedies`.
   */
  | 'PERMISSION_DENIED'
  /** Another session wrote the same data at the same time, in each of several attempts. Run it again. */
  | 'CONFLICT'
  /**
   * The server refused a statement for a reason that has no code here. Read the reason in the message, and
   * its SQLSTATE in `cause.code`.
   */
  | 'DATABASE_REFUSED'
  /** No schema of the connection's search_path exists. Create one, or name one by the `schema` option. */
  | 'SCHEMA_MISSING'
  /** A table that is needed is not there. Run a bootstrap first, or restore the table as the message says. */
  | 'TABLE_MISSING'
  /** A table lacks a column that a seeder fills. Add it by a migration, or correct the name. */
  | 'COLUMN_MISSING'
  /**
   * A table of that name, or one that looks like a rule table, exists, but can't be used as it is. Run the statements
   * of the message, rename or move the table, or name another table or schema.
   */
  | 'TABLE_SHAPE'
  /**
   * Rules could be in more than one table, and none was named. Name the one that the application's adapter
   * reads by the `table` option.
   */
  | 'RULE_TABLE_AMBIGUOUS'
  /** Citus keeps the rule table in parts, on several nodes. Make it a local table or a reference table. */
  | 'TABLE_DISTRIBUTED'
  /**
   * A table has no unique constraint on the key of its rows. Add the constraint that the message names.
   */
  | 'UNIQUE_CONSTRAINT_MISSING'
  /** A rule is longer than the index takes, which is about 2.7 kB. Shorten its values. */
  | 'RULE_TOO_LONG'
  /** A rule has a character that the encoding of the database lacks. Change the rule, or use a database in UTF8. */
  | 'CHARACTER_UNSTORABLE'
  /** Rows of the rule table are not valid rules. Correct or delete the rows whose ids are in `ids`. */
  | 'STORED_RULE_INVALID'
  /**
   * Stored rules have a ptype or a number of values that the model does not define, or a pattern that its function
   * does not take. Give the model of this policy, or correct the rules.
   */
  | 'RULES_DO_NOT_FIT_MODEL'
  /**
   * A live enforcer for some subjects or domains was asked about another. Make it with that one too, or without
   * `subject` and `domain`.
   */
  | 'OUT_OF_SLICE'
  /**
   * A live enforcer could not confirm within `maxStalenessMs` that it is up to date. Read its `state.error`; it goes
   * on by itself.
   */
  | 'ENFORCER_STALE'
  /** A live enforcer was closed, so it neither looks at its database nor writes to it. Create another one. */
  | 'ENFORCER_CLOSED'
  /** The table holds another policy, and none was given. Give it by the `policy` option. */
  | 'POLICY_MISSING'
  /**
   * On this engine, a table that was made can't be rolled back, so a dry run can't try it. Run without `dryRun`, or
   * try it on a copy of the database.
   */
  | 'DRY_RUN_IMPOSSIBLE'
  /** This engine, or this kind of table, lacks the triggers that a journal needs. Leave out the `journal` option. */
  | 'JOURNAL_IMPOSSIBLE'
  /**
   * The engine does not take all rules of a definition with a `version`, and their record, in one transaction. Remove
   * `version` there.
   */
  | 'RECORD_IMPOSSIBLE'
  /**
   * A change would allow what must never be allowed. Change something else, or give `force` with a reason; see
   * `violations`.
   */
  | 'CHANGE_REFUSED'
  /**
   * The application's migrations are recorded in another schema than that of the `schema` option, in which they would
   * run again. Run them by your own Migrator, or leave out `schema`.
   */
  | 'MIGRATIONS_ELSEWHERE'
  /** A migration threw; its own error is the `cause`. Correct the migration. */
  | 'MIGRATION_FAILED'
  /**
   * A migration or a seeder began or ended a transaction. Take that out of it; the message says what may
   * have been written.
   */
  | 'MIGRATION_ENDED_TRANSACTION'
  /**
   * A migration can't run in a transaction, or not in the same one. Run your migrations with your own tool first, and
   * do not give them to the bootstrap.
   */
  | 'MIGRATION_NOT_TRANSACTIONAL'
  /**
   * A migration changed decisions that were as defined before it, or the rule table can't be read after it. Correct
   * the migration, or the definition.
   */
  | 'MIGRATION_BROKE_POLICY'
  /** A seeder threw; its own error is the `cause`. Correct the seeder, or the rows that the message names. */
  | 'SEEDER_FAILED'
  /**
   * The stored policy does not decide as defined. Read the findings in `report`, and correct rules or
   * definition.
   */
  | 'VERIFICATION_FAILED'
  /**
   * The iterable of tenants threw an error before its end. Correct it and run again; `report` lists the
   * tenants that were bootstrapped.
   */
  | 'TENANTS_UNREADABLE'
  /** None of the above. Read the `cause`, and report it as a fault of this library. */
  | 'UNEXPECTED';

/** What is wrong with one option, policy rule, model line or row. */
export type ProblemCode =
  /** No function has an option of that name. Correct the name. */
  | 'OPTION_UNKNOWN'
  /** An option has a value that it can't have. Give what the message asks for. */
  | 'OPTION_INVALID'
  /** The command has no database to work on. Name one in one of the ways that the message lists. */
  | 'DATABASE_UNNAMED'
  /** There is no configuration file at the path that was given. Correct the path. */
  | 'CONFIG_NOT_FOUND'
  /** A configuration file can't be loaded, or does not export an object of options. Correct it. */
  | 'CONFIG_INVALID'
  /** There is no such policy file, or it can't be read. Correct the path or its ending. */
  | 'POLICY_NOT_FOUND'
  /** A policy file is not well-formed. Correct it at the line and column in `at`. */
  | 'POLICY_SYNTAX'
  /** A policy has no rule. Add some, or give `null` for a database without a policy. */
  | 'POLICY_EMPTY'
  /** There is no such model file. Correct the path. */
  | 'MODEL_NOT_FOUND'
  /**
   * The model can't be used, as it is written or as `configureEnforcer` completes it. Correct it at the
   * place in `at`.
   */
  | 'MODEL_INVALID'
  /**
   * The model has no room for the rules of `domains`, or another order of their values. Give a model of RBAC with
   * domains, such as `domainsModelPath`.
   */
  | 'MODEL_WITHOUT_DOMAINS'
  /** The model lacks a section. Add it. */
  | 'MODEL_SECTION_MISSING'
  /**
   * The matcher uses a name that is defined nowhere. Correct it, or define it in the model or by
   * `configureEnforcer`.
   */
  | 'MODEL_NAME_UNDEFINED'
  /** A rule is not a list of strings. Write each value as a string. */
  | 'RULE_INVALID'
  /** A rule begins with a ptype that the model does not define. Correct it, or give the model that has it. */
  | 'RULE_UNKNOWN_PTYPE'
  /** A rule has more or fewer values than the model's definition. Correct the rule. */
  | 'RULE_WRONG_LENGTH'
  /**
   * The effect of a rule is neither `allow` nor `deny`, its priority is not a number under a priority effect, an
   * address range has an invalid mask, or Casbin can't use its pattern or its condition. Correct the value.
   */
  | 'RULE_VALUE_INVALID'
  /** A rule is defined twice. Remove one of the two. */
  | 'RULE_DUPLICATE'
  /**
   * A rule has more values than the table has columns, one that is longer than its column, or an empty one at
   * its end. Shorten the rule, or widen the table.
   */
  | 'RULE_DOES_NOT_FIT_TABLE'
  /**
   * Casbin's own loader would not read a value as it was written, such as one with a comma.
   * Change the value.
   */
  | 'VALUE_DISTORTED'
  /**
   * PostgreSQL can't store a value: it holds a NUL character or half of a surrogate pair. Change the value.
   */
  | 'VALUE_UNSTORABLE'
  /**
   * A value that is used as a regular expression may run for ever. Rewrite it without a repetition
   * inside a repetition.
   */
  | 'PATTERN_BACKTRACKS'
  /**
   * A path pattern has an incomplete parameter, and Casbin never finishes reading it. Write each parameter as `/:id`
   * for keyMatch2, or as `/{id}` for keyMatch3, keyMatch4 and keyMatch5.
   */
  | 'PATTERN_ENDLESS'
  /** A role, resource, action or tenant of a definition has an empty name. Write the name. */
  | 'NAME_EMPTY'
  /** A role inherits from one that is not defined. Define it, or correct the name. */
  | 'ROLE_UNDEFINED'
  /** A role is listed among those that it inherits from. Remove it there. */
  | 'ROLE_INHERITS_ITSELF'
  /** Roles inherit from each other in a circle. Remove one of the links. */
  | 'ROLE_CYCLE'
  /**
   * Roles inherit over more steps than the enforcer follows. Make the hierarchy flatter, or raise the limit
   * by `configureEnforcer`.
   */
  | 'ROLE_TOO_DEEP'
  /** A request of `allow`, `deny` or `never` uses a name that no rule has. Correct the name. */
  | 'REQUEST_NAME_UNKNOWN'
  /** A request must be allowed, and must be denied. Remove it from one of the lists. */
  | 'EXPECTATION_CONFLICT'
  /** The rules of a definition decide a request differently than it lists. Correct the request or the rules. */
  | 'EXPECTATION_CONTRADICTED'
  /** A definition says something about earlier versions and has no `version`. Add one. */
  | 'VERSION_MISSING'
  /** A role or rule is retired or renamed and defined as well, or its new role is not defined. Correct one of them. */
  | 'OWNERSHIP_CONTRADICTED'
  /** Fewer rules decide a request than required. Write requests for the others, or remove those rules. */
  | 'COVERAGE_TOO_LOW'
  /** Two seeders have the same name. Rename one. */
  | 'SEEDER_DUPLICATE'
  /** Two migrations have the same name. Rename one. */
  | 'MIGRATION_DUPLICATE'
  /** A row holds a value that no table can store. Correct it at the place in `at`. */
  | 'ROW_INVALID'
  /** A row lacks a value of its key. Add it. */
  | 'ROW_KEY_MISSING'
  /** Two rows have the same key. Remove one of them. */
  | 'ROW_DUPLICATE'
  /** Two tenants have the same name, or the same pool and schema. Change or remove one of them. */
  | 'TENANT_DUPLICATE';
