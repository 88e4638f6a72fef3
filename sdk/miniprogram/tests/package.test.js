import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import * as imported from 'tongbao-miniprogram'
import * as source from '../src/index.js'
import { createFakeAlipay } from './fake-alipay.js'
import { createFakeBrowser } from './fake-browser.js'
import { createFakeServer } from './fake-server.js'
import { createFakeWechat } from './fake-wechat.js'

const required = createRequire(import.meta.url)('tongbao-miniprogram')

/**
 * Runs a built file as a platform does that knows no modules but CommonJS: with its own globals and timers, and hardly
 * anything else.
 *
 * @param {string} file @param {Record<string, unknown>} globals
 */
function load(file, globals) {
  const code = readFileSync(new URL(`../dist/${file}`, import.meta.url), 'utf8')
  const module = { exports: /** @type {any} */ ({}) }
  runInNewContext(code, { module, exports: module.exports, setTimeout, clearTimeout, ...globals })
  return module.exports
}

for (const name of ['source', 'import', 'require', 'miniprogram']) {
  test(`the ${name} file pays, given nothing but wx`, async () => {
    const server = createFakeServer()
    const { phone, wx } = createFakeWechat(server.receive)
    server.addOrder('ord_1')
    phone.buyer = (orderId) => {
      server.pay(orderId)
      return 'requestPayment:ok'
    }
    const files = { source, import: imported, require: required, miniprogram: load('miniprogram/index.js', { wx }) }
    const { createTongbao, wechat } = files[/** @type {keyof typeof files} */ (name)]
    const host = name === 'miniprogram' ? undefined : wechat(wx)
    const tongbao = createTongbao({ baseUrl: 'https://pay.example.com', host })
    assert.equal(await tongbao.pay('ord_1'), 'paid')
    assert.equal(await tongbao.pay('ord_1'), 'paid')
    assert.equal(phone.sheets.length, 1)
  })
}

test('the same file pays in Alipay, given nothing but my', async () => {
  const server = createFakeServer()
  const { phone, my } = createFakeAlipay(server.receive)
  server.addOrder('ord_1')
  phone.buyer = (orderId) => {
    server.pay(orderId)
    return '9000'
  }
  const tongbao = load('index.cjs', { my }).createTongbao({ baseUrl: 'https://pay.example.com' })
  assert.equal(await tongbao.pay('ord_1'), 'paid')
})

test('the same file pays on a web page, given nothing but its window', async () => {
  const server = createFakeServer()
  const { page, window } = createFakeBrowser(server.receive)
  server.addOrder('ord_1')
  server.letIn('token')
  window.location.assign = (url) => {
    page.movedTo = url
    server.pay('ord_1')
  }
  const options = { baseUrl: 'https://pay.example.com', token: 'token' }
  const tongbao = load('index.cjs', { window, document: {} }).createTongbao(options)
  assert.equal(await tongbao.pay('ord_1'), 'paid')
  assert.equal(page.movedTo, 'https://pay.example.com/pay/ord_1.mac')
})

test('a web page that has a wx to log in with, as a simulator has, is taken for WeChat', async () => {
  const server = createFakeServer()
  const { wx } = createFakeWechat(server.receive)
  const { window } = createFakeBrowser(server.receive)
  const tongbao = load('index.cjs', { wx, window, document: {} }).createTongbao({ baseUrl: 'https://pay.example.com' })
  await tongbao.login()
  assert.equal(server.requests[0].body.host, 'wechat')
})

test('every way in offers the same', () => {
  const offered = ['alipay', 'browser', 'createTongbao', 'wechat']
  assert.deepEqual(Object.keys(source).sort(), offered)
  assert.deepEqual(Object.keys(imported).sort(), offered)
  assert.deepEqual(Object.keys(required).sort(), offered)
})

test('the package needs no other at run time', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  assert.equal(manifest.dependencies, undefined)
  assert.equal(manifest.peerDependencies, undefined)
})
