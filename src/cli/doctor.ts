import type { Command } from 'commander';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { EXIT } from './exit-code.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';

/** Adds `casbin-bootstrap doctor`: what may be wrong with a database, and what to do. */
export function addDoctorCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('doctor')
    .description('Examine a database: server, privileges, rule table, every stored rule, migrations.');
  addFormatOptions(command, 'checks');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, ['doctor', 'doctor --database-url postgres://app@localhost/shop --format json']);
  command.action(() => run<object>(command, examine));
}

async function examine({ options, withDatabase }: CommandContext<object>): Promise<Outcome> {
  const { examineDatabase } = await import('../index.ts');
  const { listDiagnosisRemarks, renderDiagnosis } = await import('../render/diagnosis.ts');
  return withDatabase(async ({ pool, where }) => {
    const diagnosis = await examineDatabase(pool, options);
    return {
      exitCode: diagnosis.ok ? EXIT.SUCCESS : EXIT.FAILURE,
      document: diagnosis,
      pretty: ({ color }) => renderDiagnosis(diagnosis, { where, color }),
      remarks: () => listDiagnosisRemarks(diagnosis),
    };
  });
}
