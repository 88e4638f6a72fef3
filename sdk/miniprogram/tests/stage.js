import { createTongbao, wechat } from '../src/index.js'
import { startClock } from './clock.js'
import { createFakeServer } from './fake-server.js'
import { createFakeWechat } from './fake-wechat.js'

export const PAID = 'requestPayment:ok'
export const CANCELLED = 'requestPayment:fail cancel'
export const BROKEN = 'requestPayment:fail jsapi has no permission'

/**
 * A phone, a server with one open order `ord_1`, and the client between them.
 *
 * @param {import('node:test').TestContext} t
 * @param {Partial<import('../index.js').TongbaoOptions>} [options]
 */
export function stage(t, options) {
  const clock = startClock(t)
  const server = createFakeServer()
  const { phone, wx } = createFakeWechat(server.receive)
  server.addOrder('ord_1')
  const open = () => createTongbao({ baseUrl: 'https://pay.example.com', host: wechat(wx), ...options })
  return { clock, run: clock.run, server, phone, wx, open, tongbao: open() }
}
