export class Invoices1700000000000 {
  async up(runner) {
    await runner.query('create table invoices (id serial primary key)');
  }

  async down(runner) {
    await runner.query('drop table invoices');
  }
}
