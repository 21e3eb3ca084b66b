import { holdsBootstrapLock } from './lock.ts';
import { SettingsReset, TransactionEnded } from './step-failure.ts';
import { type AnyKysely, isSameTransaction } from './transaction.ts';

/**
 * Checks after a migration or a seeder that the transaction of the bootstrap is still open, with its settings.
 *
 * @throws TransactionEnded
 * @throws SettingsReset
 */
export async function requireSameTransaction(db: AnyKysely): Promise<void> {
  if (await isSameTransaction(db)) return;
  // The mark of the transaction is a setting. The lock, too, ends with the transaction, but is no setting.
  if (await holdsBootstrapLock(db)) throw new SettingsReset('It reset the settings of its transaction');
  throw new TransactionEnded('It ended the transaction that it runs in');
}
