// Makes dist/: one file for `import`, one for `require`, and one where WeChat's "构建 npm" looks for it, which is small
// because a mini-program may only be so big.
import { build } from 'esbuild'
import { copyFile, mkdir, rm } from 'node:fs/promises'

await rm('dist', { recursive: true, force: true })
await mkdir('dist', { recursive: true })
for (const [format, outfile, minify] of [
  ['esm', 'dist/index.mjs', false],
  ['cjs', 'dist/index.cjs', false],
  ['cjs', 'dist/miniprogram/index.js', true],
]) {
  await build({ entryPoints: ['src/index.js'], outfile, format, minify, bundle: true, target: 'es2017', charset: 'utf8' })
}
await copyFile('index.d.ts', 'dist/index.d.cts')
