import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    // The server allows no inline script or style and no `data:` fonts: every file is a file.
    assetsInlineLimit: 0,
    license: { fileName: 'assets/licenses.md' },
    modulePreload: { polyfill: false },
  },
});
