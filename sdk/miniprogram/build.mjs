// Makes dist/: one file for `import`, one for `require`, and one where WeChat's "构建 npm" looks for it.
import { build } from 'esbuild'
import { copyFile, mkdir, rm } from 'node:fs/promises'

await rm('dist', { recursive: true, force: true })
await mkdir('dist/miniprogram', { recursive: true })
for (const [format, outfile] of [['esm', 'dist/index.mjs'], ['cjs', 'dist/index.cjs']]) {
  await build({ entryPoints: ['src/index.js'], outfile, format, bundle: true, target: 'es2017', charset: 'utf8' })
}
await copyFile('dist/index.cjs', 'dist/miniprogram/index.js')
await copyFile('index.d.ts', 'dist/index.d.cts')
