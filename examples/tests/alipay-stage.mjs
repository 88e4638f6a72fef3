import { createFakeAlipay } from '../../sdk/miniprogram/tests/fake-alipay.js'
import { openProject } from './project.mjs'

/** @import { Place } from './project.mjs' */

/**
 * The Alipay sample on a phone. Nobody renders AXML outside Alipay's tool: a tap finds its handler in the markup.
 *
 * @template {Place} T
 * @param {T} place
 */
export function alipayStage(place) {
  const { phone, my } = createFakeAlipay(place.network)
  /** @type {string[]} where the mini-program went */
  const moves = []
  const move = (/** @type {{ url: string }} */ { url }) => moves.push(url)
  const confirm = async () => ({ confirm: true })
  const globals = { my: Object.assign(my, { navigateTo: move, redirectTo: move, reLaunch: move, confirm }) }
  const project = openProject('alipay', globals, place.config)

  /** A page as the buyer sees it. @param {string} path @param {Record<string, string>} [query] */
  async function open(path, query = {}) {
    const page = { ...project.define(path) }
    page.data = structuredClone(page.data)
    page.setData = (/** @type {object} */ changes) => Object.assign(page.data, changes)
    if (page.onLoad) await place.run(Promise.resolve(page.onLoad(query)))
    if (page.onShow) await place.run(Promise.resolve(page.onShow()))
    const tags = project.read(`${path}.axml`).match(/<[a-z-]+[^>]*>/g) || []
    return {
      page,
      /** @param {string} name one of the tag's classes @param {Record<string, string>} [dataset] */
      async tap(name, dataset = {}) {
        const tag = tags.find((tag) => new RegExp(`class="[^"]*\\b${name}\\b`).test(tag)) || ''
        const [, handler = ''] = tag.match(/\bon(?:Tap|GetAuthorize)="(\w+)"/) || []
        await place.run(Promise.resolve(page[handler]({ currentTarget: { dataset } })))
      },
    }
  }

  return { ...place, phone, project, moves, open }
}
