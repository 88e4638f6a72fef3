import { alipay, browser, createTongbao, wechat } from '../src/index.js'
import { startClock } from './clock.js'
import { createFakeAlipay } from './fake-alipay.js'
import { createFakeBrowser } from './fake-browser.js'
import { createFakeServer } from './fake-server.js'
import { createFakeWechat } from './fake-wechat.js'

export const PAID = 'requestPayment:ok'
export const CANCELLED = 'requestPayment:fail cancel'
export const BROKEN = 'requestPayment:fail jsapi has no permission'

/** @typedef {Partial<import('../index.js').TongbaoOptions>} Options */

/**
 * A phone, a server with one open order `ord_1`, and the client between them.
 *
 * @param {import('node:test').TestContext} t
 * @param {Options} [options]
 */
export function stage(t, options) {
  const { server, clock } = place(t)
  const { phone, wx } = createFakeWechat(server.receive)
  const open = () => createTongbao({ baseUrl: 'https://pay.example.com', host: wechat(wx), ...options })
  return { clock, run: clock.run, server, phone, wx, open, tongbao: open() }
}

/** The same with Alipay on the phone. @param {import('node:test').TestContext} t @param {Options} [options] */
export function alipayStage(t, options) {
  const { server, clock } = place(t)
  const { phone, my } = createFakeAlipay(server.receive)
  const open = () => createTongbao({ baseUrl: 'https://pay.example.com', host: alipay(my), ...options })
  return { clock, run: clock.run, server, phone, my, open, tongbao: open() }
}

/**
 * The same with a web page, whose own server gave it a token.
 *
 * @param {import('node:test').TestContext} t
 * @param {Options} [options]
 * @param {import('../index.js').BrowserOptions} [how]
 */
export function browserStage(t, options, how) {
  const { server, clock } = place(t)
  const { page, window } = createFakeBrowser(server.receive)
  server.letIn('token-of-the-page')
  const host = browser(window, how)
  const tongbao = createTongbao({ baseUrl: 'https://pay.example.com', host, token: 'token-of-the-page', ...options })
  return { clock, run: clock.run, server, page, window, tongbao }
}

/** @param {import('node:test').TestContext} t */
function place(t) {
  const clock = startClock(t)
  const server = createFakeServer()
  server.addOrder('ord_1')
  return { clock, server }
}
