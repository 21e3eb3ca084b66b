// Rules, and requests over them of which many are denied: there a plain enforcer goes through all rules.

/** @param {import('./scale.js').Scale} scale */
export function shapes(scale) {
  const [small, large] = [scale.upTo(10_000), scale.upTo(100_000)];
  return [
    threeRoles(scale.upTo(3_000)),
    { name: '100 roles', ...hundredRoles(small), atLeast: 100 },
    ...(large > small ? [{ name: '100 roles', ...hundredRoles(large), atLeast: 100 }] : []),
    { name: 'users with one right', ...oneRight(large), atLeast: 100 },
  ];
}

/** The matrix of three roles that inherit from each other. */
function threeRoles(permissions) {
  const roles = ['readonly', 'user', 'admin'];
  const links = [
    ['user', 'readonly'],
    ['admin', 'user'],
  ];
  return {
    name: '3 roles × permissions',
    rules: [
      ...count(permissions, (n) => ({
        ptype: 'p',
        values: [roles[Math.floor((n * 3) / permissions)], `resource${n}`, 'read'],
      })),
      ...links.map((values) => ({ ptype: 'g', values })),
    ],
    // 'readonly' may read a third of them, 'user' two thirds, 'admin' all
    requests: count(permissions * 3, (n) => [roles[n % 3], `resource${Math.floor(n / 3)}`, 'read']),
  };
}

function hundredRoles(size) {
  return {
    rules: count(size, (n) => ({ ptype: 'p', values: [`role${n % 100}`, `resource${n}`, 'read'] })),
    requests: count(size, (n) => [`role${(n + (n % 2)) % 100}`, `resource${n}`, 'read']),
  };
}

/** No value but the subject tells one rule from another. */
function oneRight(size) {
  return {
    rules: count(size, (n) => ({ ptype: 'p', values: [`user${n}`, 'report', 'read'] })),
    requests: count(size, (n) => [n % 2 === 0 ? `user${n}` : `stranger${n}`, 'report', 'read']),
  };
}

function count(length, make) {
  return Array.from({ length }, (_, n) => make(n));
}
