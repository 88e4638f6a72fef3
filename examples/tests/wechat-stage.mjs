import { createRequire } from 'node:module'
import { join } from 'node:path'
import { JSDOM } from 'jsdom'
import { createFakeWechat } from '../../sdk/miniprogram/tests/fake-wechat.js'
import { openProject } from './project.mjs'

/** @import { Place } from './project.mjs' */

const { window } = new JSDOM('<!doctype html><body></body>')
Object.assign(globalThis, { window, document: window.document, CustomEvent: window.CustomEvent })
const simulate = createRequire(import.meta.url)('miniprogram-simulate')

/**
 * The WeChat sample on a phone: its pages are rendered from their own WXML by miniprogram-simulate.
 *
 * @template {Place} T
 * @param {T} place
 */
export function wechatStage(place) {
  const { phone, wx } = createFakeWechat(place.network)
  /** @type {string[]} where the mini-program went, beside what `navigateTo` opened */
  const moves = []
  const move = (/** @type {{ url: string }} */ { url }) => moves.push(url)
  const project = openProject('wechat', { wx: Object.assign(wx, { redirectTo: move, reLaunch: move }) }, place.config)
  /** @type {Promise<unknown>} what the handler that ran last is still doing */
  let busy = Promise.resolve()

  /** Handlers are called by the markup, so what they return is caught on its way. @param {any} act */
  const watched = (act) =>
    /** @this {unknown} @param {...unknown} words */
    function (...words) {
      const doing = act.apply(this, words)
      if (doing instanceof Promise) busy = doing
      return doing
    }

  /** @param {string} path @returns {string} the component's id */
  function register(path) {
    const { usingComponents = {} } = JSON.parse(project.read(`${path}.json`))
    const used = Object.entries(usingComponents).map(([tag, at]) => [tag, register(String(at).slice(1))])
    const { data, methods, properties, ...rest } = project.define(path)
    const own = Object.entries(rest).filter(([, value]) => typeof value === 'function')
    const acts = Object.entries(methods || Object.fromEntries(own)).map(([name, act]) => [name, watched(act)])
    const template = project.read(`${path}.wxml`)
    const parts = { usingComponents: Object.fromEntries(used), methods: Object.fromEntries(acts) }
    return simulate.load({ template, data: structuredClone(data), properties, ...parts })
  }

  /** A page as the buyer sees it. @param {string} path @param {Record<string, string>} [query] */
  async function open(path, query = {}) {
    const page = simulate.render(register(path))
    const parent = document.createElement('page')
    page.attach(parent)
    const held = Object.entries(project.define(path)).filter(([, value]) => typeof value !== 'function')
    const instance = Object.assign(page.instance, Object.fromEntries(held.filter(([name]) => name !== 'data')))
    for (const [name, word] of /** @type {const} */ ([['onLoad', query], ['onShow', undefined]])) {
      if (instance[name]) await place.run(Promise.resolve(instance[name](word)))
    }
    return {
      instance,
      data: () => page.data,
      text: () => String(parent.textContent),
      /** Tap the first of what the selector names, or the one of that number. @param {string} selector @param {number} [index] */
      async tap(selector, index = 0) {
        const found = [page, ...page.querySelectorAll('.row')].flatMap((/** @type {any} */ each) => each.querySelectorAll(selector))
        if (!found[index]) throw new Error(`There is no ${selector} to tap`)
        found[index].dispatchEvent('tap')
        await new Promise((resolve) => setImmediate(resolve))
        await place.run(busy)
      },
    }
  }

  return { ...place, phone, project, moves, open }
}
