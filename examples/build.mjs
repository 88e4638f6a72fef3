// Puts the SDK, built from this checkout, where each platform's tool looks for packages. In a mini-program of your own
// `npm install tongbao-miniprogram` does this, and in WeChat's tool "构建 npm" after it.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const sdk = fileURLToPath(new URL('../sdk/miniprogram/', import.meta.url))
const npm = (...words) => execFileSync('npm', words, { cwd: sdk, stdio: 'inherit', shell: process.platform === 'win32' })

if (!existsSync(`${sdk}node_modules/esbuild`)) npm('ci')
npm('run', 'build')
for (const [from, to] of [
  ['dist/miniprogram', 'wechat/miniprogram_npm/tongbao-miniprogram'],
  ['dist', 'alipay/node_modules/tongbao-miniprogram/dist'],
  ['package.json', 'alipay/node_modules/tongbao-miniprogram/package.json'],
]) {
  const target = fileURLToPath(new URL(to, import.meta.url))
  mkdirSync(new URL('.', new URL(to, import.meta.url)), { recursive: true })
  cpSync(sdk + from, target, { recursive: true })
}
