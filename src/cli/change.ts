import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { InvalidOptionsError } from '../errors.ts';
import type { ChangeOptions, PolicyChanges } from '../running/policy-changes.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';

interface ChangeFlags {
  readonly reason?: string;
  readonly actor?: string;
  readonly force?: true;
  readonly dryRun?: true;
}

/** Adds `casbin-bootstrap grant`: adds a rule of `p`. */
export function addGrantCommand(program: Command, run: RunCommand): void {
  const command = withRule(program.command('grant')).description(
    'Allow a role something: add a rule of p, if what must never be allowed stays denied.',
  );
  addChangeOptions(command, [
    'grant clerk invoices write --reason "ticket 7" --policy policy.yaml',
    'grant clerk tenant1 invoices write --model domains.conf --dry-run',
  ]);
  command.action((rule: string[]) =>
    run<ChangeFlags>(command, (context) => change({ grant: [rule] }, context)),
  );
}

/** Adds `casbin-bootstrap revoke`: removes a rule of `p`. */
export function addRevokeCommand(program: Command, run: RunCommand): void {
  const command = withRule(program.command('revoke')).description(
    'Take a permission from a role: remove a rule of p.',
  );
  addChangeOptions(command, ['revoke accountant invoices delete --reason "ticket 7"']);
  command.action((rule: string[]) =>
    run<ChangeFlags>(command, (context) => change({ revoke: [rule] }, context)),
  );
}

function withRule(command: Command): Command {
  return command
    .usage('[options] <role> <resource> <action>')
    .argument('<values...>', "the values of the rule, in the order of the model's policy definition");
}

/** Adds `casbin-bootstrap assign`: gives a user a role. */
export function addAssignCommand(program: Command, run: RunCommand): void {
  const command = withAssignment(program.command('assign')).description('Give a user a role.');
  addChangeOptions(command, [
    'assign carol clerk --reason "ticket 7" --policy policy.yaml',
    'assign carol clerk tenant1 --model domains.conf',
  ]);
  command.action((user: string, role: string, domain?: string) =>
    run<ChangeFlags>(command, (context) => change({ assign: [toAssignment(user, role, domain)] }, context)),
  );
}

/** Adds `casbin-bootstrap unassign`: takes a role from a user. */
export function addUnassignCommand(program: Command, run: RunCommand): void {
  const command = withAssignment(program.command('unassign')).description('Take a role from a user.');
  addChangeOptions(command, ['unassign carol clerk --reason "left the company"']);
  command.action((user: string, role: string, domain?: string) =>
    run<ChangeFlags>(command, (context) => change({ unassign: [toAssignment(user, role, domain)] }, context)),
  );
}

function withAssignment(command: Command): Command {
  return command
    .argument('<user>', 'the name of the user')
    .argument('<role>', 'the name of the role')
    .argument('[domain]', 'the domain, where the model has some');
}

function toAssignment(user: string, role: string, domain?: string): [string, string, string?] {
  return domain === undefined ? [user, role] : [user, role, domain];
}

function addChangeOptions(command: Command, examples: readonly string[]): void {
  command
    .option('--reason <text>', 'why, for the journal')
    .option('--actor <name>', "who makes the change, for the journal (default: the operating system's user)")
    .option('--force', 'make it although it allows what must never be allowed; needs a reason')
    .option('--dry-run', 'try it, take it back, and report what would change');
  addFormatOptions(command, 'news');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, examples);
}

async function change(
  changes: PolicyChanges,
  { flags, options, withDatabase }: CommandContext<ChangeFlags>,
): Promise<Outcome> {
  const { changeDatabase } = await import('./change-database.ts');
  const { listChangeRemarks, renderChange } = await import('../render/change.ts');
  if (flags.force && flags.reason === undefined) {
    const message = 'it needs a reason, for the journal. Give --reason too.';
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: '--force', message }]);
  }
  const given: ChangeOptions = {
    ...options,
    actor: flags.actor ?? readUserName(),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    force: flags.force ?? false,
    dryRun: flags.dryRun ?? options.dryRun ?? false,
  };
  return withDatabase(async ({ pool, where }) => {
    const report = await changeDatabase(pool, changes, given);
    return {
      document: { ...report, actor: given.actor, reason: given.reason ?? null, dryRun: given.dryRun },
      pretty: ({ color }) => renderChange(report, { ...given, changes, where, color }),
      remarks: () => listChangeRemarks(report, { ...given, changes }),
    };
  });
}

/** The operating system's user, which in a container may have no name. */
export function readUserName(): string {
  try {
    return userInfo().username;
  } catch {
    const message = 'the operating system has no name for the user of this process. Say who you are.';
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: '--actor', message }]);
  }
}
