// The package finds its wasm beside itself; the development server must leave it where it is.
export default { optimizeDeps: { exclude: ["@gatepass/web"] } };
