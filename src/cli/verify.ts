import type { Command } from 'commander';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addFailOnOption, exitCodeFor, type FailOnFlags } from './exit-code.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';

interface VerifyFlags extends FailOnFlags {
  readonly strict?: true;
  readonly full?: true;
}

/** Adds `casbin-bootstrap verify`: compares a database with the definition, and changes nothing. */
export function addVerifyCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('verify')
    .description('Verify that a database decides as the policy is defined; changes nothing.')
    .option('--strict', 'drift is a failure')
    .option('--full', 'read every stored rule, however many there are');
  addFailOnOption(command, 'drift');
  addFormatOptions(command, 'checks');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'verify --policy policy.yaml',
    'verify --full --strict --format json',
    'verify --fail-on none --database-url postgres://reader@localhost/shop',
  ]);
  command.action(() => run<VerifyFlags>(command, verify));
}

async function verify({
  flags,
  options,
  policyNote,
  withDatabase,
}: CommandContext<VerifyFlags>): Promise<Outcome> {
  const { verifyDatabase } = await import('../index.ts');
  const { listVerificationRemarks, renderVerification } = await import('../render/verification.ts');
  const { strict, full } = flags;
  const asked = { ...(strict && { strict }), ...(full && { full }) };
  return withDatabase(async ({ pool, where, onProgress }) => {
    const report = await verifyDatabase(pool, { ...options, ...asked, onProgress });
    return {
      exitCode: exitCodeFor(report, flags),
      document: report,
      note: policyNote,
      pretty: ({ color }) => renderVerification(report, { where, color }),
      remarks: () => listVerificationRemarks(report),
    };
  });
}
