// What the application's database holds, and how it decides: defined once, for every function that is given it.
import { defaultPolicy, providerSeeder } from 'casbin-bootstrap';

export const options = { policy: defaultPolicy, seeders: [providerSeeder()] };
