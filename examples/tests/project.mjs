import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileFunction } from 'node:vm'

/**
 * @typedef {object} Place where a sample is tried
 * @property {Record<string, string>} config in place of config.js
 * @property {(request: import('../../sdk/miniprogram/tests/fake-server.js').Request) =>
 *   Promise<import('../../sdk/miniprogram/tests/fake-server.js').Answer>} network
 * @property {<T>(promise: Promise<T>) => Promise<T>} run lets time pass until it is settled
 */

/**
 * A mini-program's folder, run as the platforms do: CommonJS modules that see the platform's globals.
 *
 * @param {'wechat' | 'alipay'} name
 * @param {Record<string, unknown>} globals
 * @param {Record<string, unknown>} config in place of config.js
 */
export function openProject(name, globals, config) {
  const root = fileURLToPath(new URL(`../${name}`, import.meta.url))
  /** @type {Map<string, any>} */
  const modules = new Map([[join(root, 'config.js'), config]])
  const packages = { wechat: 'miniprogram_npm/tongbao-miniprogram/index.js', alipay: 'node_modules/tongbao-miniprogram/dist/index.cjs' }

  /** @param {string} file @param {Record<string, unknown>} [more] */
  function run(file, more = {}) {
    const module = { exports: {} }
    const known = { ...globals, ...more }
    const require = (/** @type {string} */ path) =>
      load(path === 'tongbao-miniprogram' ? join(root, packages[name]) : join(dirname(file), `${path}.js`))
    const words = ['module', 'exports', 'require', ...Object.keys(known)]
    const code = compileFunction(readFileSync(file, 'utf8'), words, { filename: file })
    code(module, module.exports, require, ...Object.values(known))
    return module.exports
  }

  /** @param {string} file */
  function load(file) {
    if (!modules.has(file)) modules.set(file, run(file))
    return modules.get(file)
  }

  return {
    root,
    /** @type {{ pages: string[] }} */
    app: JSON.parse(readFileSync(join(root, 'app.json'), 'utf8')),

    /** What a page or component hands to `Page` or `Component`. @param {string} path @returns {any} */
    define(path) {
      let defined
      const take = (/** @type {any} */ definition) => {
        defined = definition
      }
      run(join(root, `${path}.js`), { Page: take, Component: take })
      return defined
    },

    /** @param {string} path with its ending */
    read: (path) => readFileSync(join(root, path), 'utf8'),
    /** @param {string} path */
    has: (path) => existsSync(join(root, path)),
  }
}

/** The methods that markup names. @param {string} markup @returns {string[]} */
export const handlersIn = (markup) => [...markup.matchAll(/(?:\bbind:?\w+|\bon[A-Z]\w+)="(\w+)"/g)].map(([, name]) => name)

/** The data that markup names. @param {string} markup @returns {string[]} */
export function namesIn(markup) {
  const expressions = [...markup.matchAll(/\{\{(.*?)\}\}/g)].map(([, text]) => text.replace(/'[^']*'/g, ''))
  return expressions.flatMap((text) => [...text.matchAll(/(?<![.\w])[a-z]\w*/g)].map(([name]) => name))
}
