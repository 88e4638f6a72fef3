/** The codes that buyers scan themselves: one for an order, and the shop's own on the wall. */
import { h, yuan } from './dom.js'
import { buttonsOf, createCart } from './parts.js'
import { paidPage } from './refunds.js'
import * as shop from './shop.js'
import { t } from './words.js'

const SCANNED = { native: 'wechat', precreate: 'alipay' }
const LOOK_MILLISECONDS = 1500

export function createCodes(screen, file, { drinks }) {
  const { primary, secondary, guarded } = buttonsOf(screen)
  const cart = createCart(drinks, () => show(choosing))
  let page = choosing
  let order = null
  let shopCode = null
  let known = { is_brewing: false, refunds: [], order: null }

  // What a tap does -------------------------------------------------------------------------------------------------

  async function placeOrder() {
    file.note('order_at_desk')
    order = await shop.placeOrder(null, cart.lines())
    known = { is_brewing: false, refunds: [], order }
    file.follow(order.id, told)
    show(orderCode)
  }

  /** A pretend phone scans what the pay page shows. */
  async function scan({ id, method }) {
    file.note(`scan_${SCANNED[method]}`)
    await shop.phone(SCANNED[method], 'scan', { out_trade_no: id })
    file.hurry()
  }

  async function openShopCode() {
    shopCode = await shop.getShopCode()
    show(onTheWall)
    watch()
  }

  /** Whoever paid by the code on the wall has an order that nobody here took. */
  async function watch() {
    while (page === onTheWall) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS))
      const latest = page === onTheWall ? await shop.getShopCode().catch(() => shopCode) : shopCode
      if (page !== onTheWall || latest.receipts.length === shopCode.receipts.length) continue
      shopCode = latest
      file.forget()
      file.note('typed')
      file.follow(latest.receipts[0].order_id, () => {})
      render()
    }
  }

  function newOrder() {
    cart.clear()
    order = null
    file.forget()
    show(choosing)
  }

  function told(news) {
    known = news
    if (page === orderCode && news.order.status === 'paid') show(paid)
    else if (page === orderCode || page === paid) render()
  }

  // The pages -------------------------------------------------------------------------------------------------------

  function choosing() {
    const wall = h('button', { type: 'button', class: 'wall', onclick: guarded(openShopCode) }, t('shop_code'), h('small', {}, t('shop_code_hint')))
    const shown = cart.page((more) => primary('order', placeOrder, more))
    shown.prepend(wall)
    return shown
  }

  function orderCode() {
    return h(
      'div', { class: 'code' },
      h('p', { class: 'till__to' }, t('scan_to_pay')),
      h('p', { class: 'till__amount' }, yuan(order.amount)),
      h('img', { class: 'code__picture', src: `orders/${order.id}/code.svg`, alt: t('order_code') }),
      h('a', { class: 'weui-btn weui-btn_primary', href: order.pay_url, target: '_blank' }, t('open_page')),
      pretendScans(),
      secondary('back', newOrder),
    )
  }

  /** The pay page on a desktop shows a code for each wallet: what it has asked a gateway for, a phone can scan. */
  function pretendScans() {
    const waiting = Object.keys(SCANNED).flatMap((way) => (known.order?.payments ?? []).filter(isWaiting(way)))
    const buttons = waiting.map((each) => secondary(`scan_page_${SCANNED[each.method]}`, () => scan(each)))
    return h('div', { class: 'pretend pretend_scans' }, h('p', {}, t(buttons.length ? 'pretend_scan' : 'code_why')), ...buttons)
  }

  const isWaiting = (way) => ({ method, state }) => method === way && state === 'pending'

  function onTheWall() {
    const receipts = shopCode.receipts.map(({ amount }) => h('li', {}, t('received'), h('b', {}, yuan(amount))))
    return h(
      'div', { class: 'code' },
      h('p', { class: 'till__to' }, t('shop_code_why')),
      h('img', { class: 'code__picture code__picture_paper', src: `shop-code/${shopCode.id}.svg`, alt: t('shop_code') }),
      h('a', { class: 'weui-btn weui-btn_primary', href: shopCode.url, target: '_blank' }, t('open_shop_page')),
      receipts.length ? h('ul', { class: 'code__receipts' }, ...receipts) : h('div', { class: 'pretend' }, h('p', {}, t('shop_code_try'))),
      secondary('back', newOrder),
    )
  }

  function paid() {
    const words = known.is_brewing ? h('span', { class: 'brewing' }, t('brewing')) : t('not_brewing')
    const says = { title: 'paid', words, next: primary('new_order', newOrder), wish: 'give_back' }
    return paidPage(screen, file, says, { order, refunds: known.refunds, drinks, session: async () => null })
  }

  function show(next) {
    page = next
    render()
  }

  function render() {
    screen.show(t('codes_title'), page())
  }

  return { render, connect() {} }
}
