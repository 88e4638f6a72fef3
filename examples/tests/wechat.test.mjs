import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handlersIn, namesIn } from './project.mjs'
import { openTown } from './town.mjs'
import { wechatStage } from './wechat-stage.mjs'

/** An order of two lattes, open on its page. @param {Pick<ReturnType<typeof wechatStage>, 'open'>} stage */
async function order(stage) {
  const shop = await stage.open('pages/shop/shop')
  await shop.tap('.more')
  await shop.tap('.more')
  await shop.tap('.order')
  return stage.open('pages/order/order', { id: 'ord_1' })
}

test('the menu shows the shop\'s prices, and the sum of what was chosen', async (t) => {
  const stage = wechatStage(openTown(t))
  const shop = await stage.open('pages/shop/shop')
  assert.match(shop.text(), /通宝咖啡.*拿铁.*¥18\.00.*茉莉花茶.*¥12\.00/s)
  await shop.tap('.more')
  await shop.tap('.more')
  await shop.tap('.more', 1)
  assert.match(shop.text(), /去结算 ¥48\.00/)
  await shop.tap('.less')
  assert.match(shop.text(), /去结算 ¥30\.00/)
})

test('the shop is told what is wanted and whose session it is, and no price', async (t) => {
  const stage = wechatStage(openTown(t))
  await order(stage)
  assert.deepEqual(stage.shop.carts, [{ session: 'token-1', lines: [{ id: 'latte', quantity: 2 }] }])
  assert.deepEqual(stage.phone.pages, ['/pages/order/order?id=ord_1'])
})

test('nobody orders nothing', async (t) => {
  const stage = wechatStage(openTown(t))
  const shop = await stage.open('pages/shop/shop')
  await shop.tap('.more')
  await shop.tap('.less')
  assert.equal(shop.data().total, '')
  assert.match(stage.project.read('pages/shop/shop.wxml'), /class="order".*disabled="{{!total \|\| busy}}"/)
})

test('a shop that does not answer says so', async (t) => {
  const stage = wechatStage(openTown(t))
  stage.shop.isOpen = false
  assert.match((await stage.open('pages/shop/shop')).text(), /店家不在/)
})

test('a buyer who pays sees it on the result page', async (t) => {
  const stage = wechatStage(openTown(t))
  const page = await order(stage)
  assert.match(page.text(), /拿铁 ×2.*¥36\.00.*微信支付 ¥36\.00/s)
  stage.phone.buyer = (id) => {
    stage.server.pay(id)
    return 'requestPayment:ok'
  }
  await page.tap('.pay')
  assert.deepEqual(stage.moves, ['/pages/result/result?id=ord_1&result=paid'])
  const result = await stage.open('pages/result/result', { id: 'ord_1', result: 'paid' })
  assert.match(result.text(), /支付成功.*ord_1.*再来一单/s)
})

test('a buyer who cancels stays with the order, and may pay again', async (t) => {
  const stage = wechatStage(openTown(t))
  const page = await order(stage)
  await page.tap('.pay')
  assert.deepEqual(stage.moves, [])
  assert.deepEqual([page.data().busy, page.data().words], [false, ''])
  await page.tap('.pay')
  assert.equal(stage.phone.sheets.length, 2)
})

test('a payment that failed says why', async (t) => {
  const stage = wechatStage(openTown(t))
  const page = await order(stage)
  stage.phone.buyer = () => 'requestPayment:fail no permission'
  await page.tap('.pay')
  assert.match(page.text(), /no permission/)
})

test('what is not known yet is asked for again when the page is shown', async (t) => {
  const stage = wechatStage(openTown(t))
  const page = await order(stage)
  stage.phone.buyer = () => 'requestPayment:ok'
  await page.tap('.pay')
  assert.deepEqual(stage.moves, ['/pages/result/result?id=ord_1&result=pending'])
  const result = await stage.open('pages/result/result', { id: 'ord_1', result: 'pending' })
  assert.match(result.text(), /确认中.*再查一次/s)
  stage.server.pay('ord_1')
  await result.tap('.ask')
  assert.match(result.text(), /支付成功/)
})

test('Alipay is paid on the page of ours that opens on top, and the order waits below until it is left', async (t) => {
  const stage = wechatStage(openTown(t))
  const page = await order(stage)
  stage.server.forbidden.add('alipay')
  setTimeout(() => stage.server.pay('ord_1'), 20_000)
  page.instance.onHide()
  await page.tap('.other')
  const address = encodeURIComponent('https://pay.example.com/pay/ord_1.mac')
  assert.equal(stage.phone.pages.at(-1), `/pages/web/web?url=${address}`)
  const web = await stage.open('pages/web/web', { url: address })
  assert.equal(web.data().url, 'https://pay.example.com/pay/ord_1.mac')
  assert.deepEqual(stage.moves, [])
  page.instance.onShow()
  assert.deepEqual(stage.moves, ['/pages/result/result?id=ord_1&result=paid'])
})

test('a page that is left waits no longer', async (t) => {
  const stage = wechatStage(openTown(t))
  const page = await order(stage)
  stage.phone.buyer = () => 'requestPayment:ok'
  setTimeout(() => page.instance.onUnload(), 3000)
  await page.tap('.pay')
  assert.equal(stage.clock.elapsedSeconds(), 3)
})

test('the phone number is shown masked, and only where the buyer consented', async (t) => {
  const stage = wechatStage(openTown(t))
  const page = await order(stage)
  await stage.run(page.instance.onPhone({ detail: {} }))
  assert.equal(stage.server.to('POST phone').length, 0)
  await stage.run(page.instance.onPhone({ detail: { code: 'of-the-button' } }))
  assert.match(page.text(), /138\*\*\*\*8000/)
})

test('every page has its files, and its markup names only what the page has', (t) => {
  const { project } = wechatStage(openTown(t))
  for (const path of [...project.app.pages, 'components/drink/drink']) {
    for (const ending of ['js', 'json', 'wxml']) assert.ok(project.has(`${path}.${ending}`), `${path}.${ending}`)
    const markup = project.read(`${path}.wxml`)
    const { data, methods, properties, ...rest } = project.define(path)
    for (const name of handlersIn(markup)) assert.equal(typeof (methods || rest)[name], 'function', `${path}: ${name}`)
    const known = { ...data, ...properties, item: 1, index: 1 }
    for (const name of namesIn(markup)) assert.ok(name in known, `${path}: {{${name}}}`)
  }
})

test('WeChat\'s tool knows the project, and no key is in it', (t) => {
  const { project } = wechatStage(openTown(t))
  const settings = JSON.parse(project.read('project.config.json'))
  assert.equal(settings.compileType, 'miniprogram')
  assert.ok(settings.appid)
  for (const file of ['config.js', 'utils/shop.js', 'utils/tongbao.js']) assert.doesNotMatch(project.read(file), /sk_|secret/i)
})
