// Imports packages, and prints how long that took.
const started = performance.now();
const modules = await Promise.all(process.argv.slice(2).map((name) => import(name)));
const ms = performance.now() - started;
console.log(JSON.stringify({ ms, names: modules.map((module) => Object.keys(module).length) }));
