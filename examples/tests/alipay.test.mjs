import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alipayStage } from './alipay-stage.mjs'
import { handlersIn, namesIn } from './project.mjs'
import { openTown } from './town.mjs'

const LATTE = { id: 'latte' }

/** An order of two lattes, open on its page. @param {Pick<ReturnType<typeof alipayStage>, 'open'>} stage */
async function order(stage) {
  const shop = await stage.open('pages/shop/shop')
  await shop.tap('more', LATTE)
  await shop.tap('more', LATTE)
  await shop.tap('order')
  return stage.open('pages/order/order', { id: 'ord_1' })
}

test('in Alipay the menu shows the shop\'s prices, and the sum of what was chosen', async (t) => {
  const stage = alipayStage(openTown(t))
  const { page, tap } = await stage.open('pages/shop/shop')
  assert.deepEqual(page.data.drinks.map((/** @type {any} */ { zh, yuan }) => [zh, yuan]), [['拿铁', '18.00'], ['茉莉花茶', '12.00']])
  await tap('more', LATTE)
  await tap('more', { id: 'jasmine' })
  assert.equal(page.data.total, '30.00')
  await tap('less', LATTE)
  assert.equal(page.data.total, '12.00')
})

test('in Alipay the shop is told what is wanted and whose session it is, and no price', async (t) => {
  const stage = alipayStage(openTown(t))
  await order(stage)
  assert.deepEqual(stage.shop.carts, [{ session: 'token-1', lines: [{ id: 'latte', quantity: 2 }] }])
  assert.deepEqual(stage.moves, ['/pages/order/order?id=ord_1'])
})

test('in Alipay a shop that does not answer says so', async (t) => {
  const stage = alipayStage(openTown(t))
  stage.shop.isOpen = false
  assert.equal((await stage.open('pages/shop/shop')).page.data.words, '店家不在')
})

test('a buyer who pays in Alipay sees it on the result page', async (t) => {
  const stage = alipayStage(openTown(t))
  const { page, tap } = await order(stage)
  assert.deepEqual([page.data.items, page.data.amount], [[{ name: '拿铁', quantity: 2, yuan: '36.00' }], '36.00'])
  stage.phone.buyer = (id) => {
    stage.server.pay(id)
    return '9000'
  }
  await tap('pay')
  assert.equal(stage.moves.at(-1), '/pages/result/result?id=ord_1&result=paid')
  const result = await stage.open('pages/result/result', { id: 'ord_1', result: 'paid' })
  assert.equal(result.page.data.words, '支付成功')
})

test('a buyer who cancels in Alipay stays with the order, and may pay again', async (t) => {
  const stage = alipayStage(openTown(t))
  const { page, tap } = await order(stage)
  await tap('pay')
  assert.deepEqual([page.data.busy, page.data.words, stage.moves.length], [false, '', 1])
  await tap('pay')
  assert.equal(stage.phone.sheets.length, 2)
})

test('a payment that failed in Alipay says why', async (t) => {
  const stage = alipayStage(openTown(t))
  const { page, tap } = await order(stage)
  stage.phone.buyer = () => '4000'
  await tap('pay')
  assert.match(page.data.words, /4000/)
})

test('what Alipay does not know yet is asked for again', async (t) => {
  const stage = alipayStage(openTown(t))
  const { tap } = await order(stage)
  stage.phone.buyer = () => '6004'
  await tap('pay')
  assert.equal(stage.moves.at(-1), '/pages/result/result?id=ord_1&result=pending')
  const result = await stage.open('pages/result/result', { id: 'ord_1', result: 'pending' })
  assert.equal(result.page.data.words, '支付结果确认中')
  stage.server.pay('ord_1')
  await result.tap('ask')
  assert.equal(result.page.data.words, '支付成功')
})

test('the phone number in Alipay is shown masked', async (t) => {
  const stage = alipayStage(openTown(t))
  const { page, tap } = await order(stage)
  await tap('phone')
  assert.equal(page.data.phone, '138****8000')
})

test('every page for Alipay has its files, and its markup names only what the page has', (t) => {
  const { project } = alipayStage(openTown(t))
  for (const path of project.app.pages) {
    for (const ending of ['js', 'json', 'axml']) assert.ok(project.has(`${path}.${ending}`), `${path}.${ending}`)
    const markup = project.read(`${path}.axml`)
    const page = project.define(path)
    for (const name of handlersIn(markup)) assert.equal(typeof page[name], 'function', `${path}: ${name}`)
    const known = { ...page.data, item: 1, index: 1 }
    for (const name of namesIn(markup)) assert.ok(name in known, `${path}: {{${name}}}`)
  }
})

test('Alipay\'s tool knows the project, and no key is in it', (t) => {
  const { project } = alipayStage(openTown(t))
  const settings = JSON.parse(project.read('mini.project.json'))
  assert.deepEqual([settings.format, settings.compileOptions.component2], [2, true])
  for (const file of ['config.js', 'utils/shop.js', 'utils/tongbao.js']) assert.doesNotMatch(project.read(file), /sk_|secret/i)
})
