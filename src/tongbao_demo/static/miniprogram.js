/** The mini-program: a coffee shop that pays with the real SDK, inside a pretend WeChat or Alipay. */
import { h, yuan } from './dom.js'
import { buttonsOf, cell, createCart, cup, icon, message, nameOf, spinner, why } from './parts.js'
import { paidPage } from './refunds.js'
import { createTongbao } from './sdk/index.js'
import { openAlert, openPaySheet } from './sheets.js'
import * as shop from './shop.js'
import { isOn } from './weather.js'
import { locale, t } from './words.js'

/**
 * @param {{ wallet: string, channel: string, otherChannel: string, taps: string[],
 *   pretend: (around: object) => object, host: (pretend: object) => object }} platform what it runs in
 */
export function createMiniProgram(platform, screen, file, { drinks, apps }) {
  const { wallet, channel, otherChannel } = platform
  const { primary, secondary } = buttonsOf(screen)
  const cart = createCart(drinks, () => show(menu))
  const pretend = platform.pretend({ appId: apps[wallet], phone, openSheet, alert: (text) => openAlert(screen, text), copy, heard })
  let tongbao

  /** What the phone shows: a page, and what it is about. */
  let page = welcome
  let order = null
  let failure = null
  let stopWaiting = () => {}
  /** Why the server refused, and the address that the SDK copied in place of it. */
  let refusal = null
  let link = null
  /** What the shop knows of the order: its own memory, which its webhooks have changed. */
  let known = { is_brewing: false, refunds: [] }

  // What a tap does -------------------------------------------------------------------------------------------------

  async function logIn() {
    await tongbao.login()
    file.note('login')
    show(menu)
  }

  async function placeOrder() {
    file.note('order')
    order = await shop.placeOrder((await tongbao.login()).token, cart.lines())
    known = { is_brewing: false, refunds: [] }
    file.follow(order.id, told)
    show(yourOrder)
  }

  const payHere = () => pay({})
  const payByOther = () => pay({ channel: otherChannel })

  async function pay(how) {
    file.note('pay')
    refusal = link = null
    const client = tongbao
    const result = await client.pay(order.id, { ...how, onWaiting: startWaiting })
    failure = client.lastError()
    conclude(result)
  }

  function startWaiting(stop) {
    stopWaiting = stop
    if (!link) file.note('waiting')
    show(link ? elsewhere : waiting)
  }

  async function askAgain() {
    const { status, payments } = await tongbao.getOrder(order.id)
    if (status === 'paid') conclude('paid')
    else if (payments.some(({ state }) => state === 'pending' || state === 'held')) screen.toast(t('pending'))
    else notReceived()
  }

  /** What was pending came to nothing: a person has looked. */
  function notReceived() {
    failure = { message: t('not_received') }
    show(failed)
  }

  function goBack() {
    show(yourOrder)
    stopWaiting()
  }

  function conclude(result) {
    const cameBack = page === yourOrder && result === 'pending'
    if (cameBack) return
    file.note(result)
    show({ paid, cancelled, failed, pending }[result])
  }

  function newOrder() {
    cart.clear()
    order = null
    file.forget()
    show(menu)
  }

  /** The shop's news about the order. What was pending may be paid by now. */
  function told(news) {
    known = news
    if (page === paid || (page === pending && known.is_brewing)) show(paid)
  }

  // The pages -------------------------------------------------------------------------------------------------------

  function welcome() {
    return h(
      'div', { class: 'welcome' },
      h('div', { class: 'welcome__cups' }, ...drinks.slice(0, 3).map(cup)),
      h('h1', {}, t('shop')),
      h('p', {}, t('welcome')),
      primary(`log_in_${wallet}`, logIn),
      h('small', {}, t('sandbox')),
    )
  }

  function menu() {
    return cart.page((more) => primary('order', placeOrder, more))
  }

  function yourOrder() {
    const items = order.items.map(({ reference, quantity, unit_price }) => {
      return cell(`${nameOf(drinks, reference)} × ${quantity}`, yuan(unit_price * quantity))
    })
    const number = h('small', {}, order.reference)
    return h(
      'div', { class: 'order' },
      h('div', { class: 'weui-cells' }, ...items, cell(t('total'), h('b', {}, yuan(order.amount)))),
      h('div', { class: 'weui-cells' }, cell(t('number'), number)),
      h('div', { class: 'order__buttons' },
        primary(`pay_${channel}`, payHere), secondary(`pay_${otherChannel}`, payByOther), secondary('back', newOrder)),
    )
  }

  function waiting() {
    return message(spinner(), 'waiting', order.amount, t('waiting_why'))
  }

  /** The way round what this platform forbids: the order's own page. */
  function elsewhere() {
    const open = h('a', { class: 'weui-btn weui-btn_primary', href: link, target: '_blank' }, t('open_page'))
    const words = h('span', { class: 'elsewhere' }, refusal?.why ?? '', h('small', {}, t('elsewhere_why')))
    return message(icon('info'), 'elsewhere', order.amount, words, open, secondary('back_to_order', goBack))
  }

  function paid() {
    const words = known.is_brewing ? h('span', { class: 'brewing' }, t('brewing')) : t('not_brewing')
    const says = { title: 'paid', words, next: primary('new_order', newOrder), wish: 'ask_refund' }
    const session = async () => (await tongbao.login()).token
    return paidPage(screen, file, says, { order, refunds: known.refunds, drinks, session })
  }

  function cancelled() {
    return ended('info', 'cancelled', t('cancelled_why'), primary('again', payHere))
  }

  function failed() {
    return ended('warn', 'failed', why(failure), primary('again', payHere))
  }

  function pending() {
    return ended('waiting', 'pending', t('pending_why'), primary('ask_again', askAgain))
  }

  const ended = (sign, title, words, button) => message(icon(sign), title, order.amount, words, button, secondary('back', newOrder))

  // The platform ----------------------------------------------------------------------------------------------------

  function openSheet() {
    file.note('sheet_opened')
    const sheet = openPaySheet(screen, wallet, order.amount, platform.taps)
    sheet.choice.then((tapped) => {
      file.note(`sheet_${tapped}`)
      if (tapped === 'pay' && isOn('pay_twice')) file.note('second_phone')
    })
    return sheet
  }

  /** The wallet does not know our order; the shop's server needs it where a second phone is to pay it, too. */
  function phone(act, body) {
    return shop.phone(wallet, act, act === 'pay' ? { ...body, order_id: order.id } : body)
  }

  function heard(answer) {
    if (answer.code !== 'way_forbidden') return
    refusal = answer
    file.note('refused', `${answer.code}: ${answer.rule}`)
  }

  function copy(address) {
    link = address
    file.note('link')
    navigator.clipboard?.writeText(address).catch(() => {})
  }

  /** In real life the SDK finds the platform by itself; here two of them share a window. */
  function connect() {
    tongbao = createTongbao({ baseUrl: location.origin, locale: locale(), host: platform.host(pretend) })
  }

  function show(next) {
    page = next
    render()
  }

  function render() {
    screen.show(page === menu ? t('menu') : page === yourOrder ? t('your_order') : t('shop'), page())
  }

  connect()
  return { render, connect }
}
