// The package finds its wasm beside itself; the development server must leave it where it is, and may serve it from there.
export default {
  optimizeDeps: { exclude: ["@gatepass/web"] },
  server: { fs: { allow: [".", "../../target/www/web"] } },
};
