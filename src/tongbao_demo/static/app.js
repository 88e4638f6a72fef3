/** The mini-program: a coffee shop that pays with the real SDK. */
import { byId, h, yuan } from './dom.js'
import { openRefundDialog, openSheet, toast } from './overlay.js'
import { follow, forget, hurry, note, renderPanel, retell } from './panel.js'
import { createPretendWx } from './pretend-wx.js'
import { choices, refundList } from './refunds.js'
import { createTongbao } from './sdk/index.js'
import * as shop from './shop.js'
import { isOn, loadWeather, renderWeather } from './weather.js'
import { either, locale, switchLanguage, t } from './words.js'

let menu = { drinks: [] }
let tongbao

/** What the phone shows: a page, and what it is about. */
let page = welcome
let cart = new Map()
let order = null
let failure = null
/** What the shop knows of the order: its own memory, which its webhooks have changed. */
let known = { is_brewing: false, refunds: [] }

// What a tap does ---------------------------------------------------------------------------------------------------

async function logIn() {
  await tongbao.login()
  note('login')
  show(drinks)
}

function choose(id, change) {
  cart.set(id, Math.max(0, (cart.get(id) ?? 0) + change))
  show(drinks)
}

async function placeOrder() {
  const lines = chosen().map(([{ id }, quantity]) => ({ id, quantity }))
  note('order')
  order = await shop.placeOrder((await tongbao.login()).token, lines)
  known = { is_brewing: false, refunds: [] }
  follow(order.id, told)
  show(yourOrder)
}

async function pay() {
  note('pay')
  const client = tongbao
  const result = await client.pay(order.id, { onWaiting: startWaiting })
  failure = client.lastError()
  conclude(result)
}

function startWaiting() {
  note('waiting')
  show(waiting)
}

async function askAgain() {
  const { status, payments } = await tongbao.getOrder(order.id)
  if (status === 'paid') conclude('paid')
  else if (payments.some(({ state }) => state === 'pending' || state === 'held')) toast(t('pending'))
  else notReceived()
}

/** What was pending came to nothing: a person has looked. */
function notReceived() {
  failure = { message: t('not_received') }
  show(failed)
}

function conclude(result) {
  note(result)
  show({ paid, cancelled, failed, pending }[result])
}

function chooseRefund() {
  const named = choices(order, known.refunds).map((each) => ({ ...each, words: t('all_left') }))
  for (const each of named) if (each.wish.drink) each.words = t('one_cup', { drink: nameOf(each.wish.drink) })
  openRefundDialog(named, ({ wish }) => guarded(() => askBack(wish))())
}

async function askBack(wish) {
  note('refund')
  await shop.askBack((await tongbao.login()).token, order.id, wish)
  hurry()
}

function newOrder() {
  cart = new Map()
  order = null
  forget()
  show(drinks)
}

/** The shop's news about the order. What was pending may be paid by now. */
function told(news) {
  known = news
  if (page === paid || (page === pending && known.is_brewing)) show(paid)
}

// The pages ---------------------------------------------------------------------------------------------------------

function welcome() {
  return h(
    'div', { class: 'welcome' },
    h('div', { class: 'welcome__cups' }, ...menu.drinks.slice(0, 3).map(cup)),
    h('h1', {}, t('shop')),
    h('p', {}, t('welcome')),
    primary('log_in', logIn),
    h('small', {}, t('sandbox')),
  )
}

function drinks() {
  const total = chosen().reduce((sum, [{ price }, quantity]) => sum + price * quantity, 0)
  return h(
    'div', { class: 'drinks' },
    h('div', { class: 'drinks__list' }, ...menu.drinks.map(drink)),
    h(
      'div', { class: 'drinks__foot' },
      h('span', {}, total ? h('b', {}, yuan(total)) : t('choose')),
      primary('order', placeOrder, { disabled: total === 0 }),
    ),
  )
}

function drink(each) {
  const quantity = cart.get(each.id) ?? 0
  const step = (sign, change) => {
    const onclick = () => choose(each.id, change)
    return h('button', { type: 'button', class: 'stepper', 'aria-label': `${sign} ${either(each)}`, onclick }, sign)
  }
  const less = quantity ? [step('−', -1), h('span', {}, String(quantity))] : []
  return h(
    'div', { class: 'drink' },
    h('div', { class: 'drink__picture' }, cup(each)),
    h('div', { class: 'drink__name' }, h('b', {}, either(each)), h('span', {}, yuan(each.price))),
    h('div', { class: 'drink__quantity' }, ...less, step('+', 1)),
  )
}

function yourOrder() {
  const items = order.items.map(({ reference, quantity, unit_price }) => {
    return cell(`${nameOf(reference)} × ${quantity}`, yuan(unit_price * quantity))
  })
  const number = h('small', {}, order.reference)
  return h(
    'div', { class: 'order' },
    h('div', { class: 'weui-cells' }, ...items, cell(t('total'), h('b', {}, yuan(order.amount)))),
    h('div', { class: 'weui-cells' }, cell(t('number'), number), cell(t('paid_with'), t('wechat_pay'))),
    h('div', { class: 'order__buttons' }, primary('pay', pay), secondary('back', newOrder)),
  )
}

function waiting() {
  const dot = h('i', { class: 'weui-primary-loading__dot' })
  const spinner = h('i', { class: 'weui-primary-loading weui-primary-loading_brand' }, dot)
  return message(spinner, 'waiting', t('waiting_why'))
}

function paid() {
  const words = known.is_brewing ? h('span', { class: 'brewing' }, t('brewing')) : t('not_brewing')
  const refund = choices(order, known.refunds).length ? [secondary('ask_refund', chooseRefund)] : []
  const shown = message(icon('success'), 'paid', words, primary('new_order', newOrder), ...refund)
  if (known.refunds.length) shown.lastChild.before(refundList(known.refunds, nameOf))
  return shown
}

function cancelled() {
  return message(icon('info'), 'cancelled', t('cancelled_why'), primary('again', pay), secondary('back', newOrder))
}

function failed() {
  return message(icon('warn'), 'failed', why(failure), primary('again', pay), secondary('back', newOrder))
}

function pending() {
  return message(icon('waiting'), 'pending', t('pending_why'), primary('ask_again', askAgain), secondary('back', newOrder))
}

function message(picture, title, words, ...buttons) {
  return h(
    'div', { class: 'weui-msg' },
    h('div', { class: 'weui-msg__icon-area' }, picture),
    h('div', { class: 'weui-msg__text-area' },
      h('h2', { class: 'weui-msg__title' }, t(title)),
      h('p', { class: 'message__amount' }, yuan(order.amount)),
      h('p', { class: 'weui-msg__desc' }, words)),
    h('div', { class: 'weui-msg__opr-area' }, h('div', { class: 'weui-btn-area' }, ...buttons)),
  )
}

// Their parts -------------------------------------------------------------------------------------------------------

const icon = (name) => h('i', { class: `weui-icon-${name} weui-icon_msg` })
const primary = (words, act, more) => button('weui-btn_primary', words, act, more)
const secondary = (words, act) => button('weui-btn_default', words, act)

function button(kind, words, act, more = {}) {
  return h('button', { type: 'button', class: `weui-btn ${kind}`, onclick: guarded(act), ...more }, t(words))
}

function cell(left, right) {
  const [body, foot] = [h('div', { class: 'weui-cell__bd' }, left), h('div', { class: 'weui-cell__ft' }, right)]
  return h('div', { class: 'weui-cell' }, body, foot)
}

function cup({ colour }) {
  const picture = byId('cup').content.cloneNode(true).firstElementChild
  picture.style.setProperty('--drink', colour)
  return picture
}

const nameOf = (drinkId) => either(menu.drinks.find(({ id }) => id === drinkId))
const chosen = () => menu.drinks.map((each) => [each, cart.get(each.id) ?? 0]).filter(([, quantity]) => quantity > 0)

/** Whatever goes wrong is told, and the page stays where it is. */
function guarded(act) {
  return () => Promise.resolve().then(act).catch((error) => toast(why(error)))
}

/** The server's own words, where it was reached; or the pay sheet's, which knows one reason. */
function why({ code, message }) {
  if (code === 'unreachable' || code === 'timed_out') return t('unreachable')
  if (code === 'sheet_failed' && message.includes('insufficient balance')) return t('sheet_fail')
  return message
}

function show(next) {
  page = next
  render()
}

function render() {
  document.documentElement.lang = locale()
  for (const element of document.querySelectorAll('[data-words]')) element.textContent = t(element.dataset.words)
  byId('language').textContent = t('other')
  byId('title').textContent = page === drinks ? t('menu') : page === yourOrder ? t('your_order') : t('shop')
  byId('page').replaceChildren(page())
}

// The start ---------------------------------------------------------------------------------------------------------

/** The SDK finds `wx` by itself, as it does inside WeChat. */
function connect() {
  tongbao = createTongbao({ baseUrl: location.origin, locale: locale() })
}

function openSheetForOrder() {
  note('sheet_opened')
  const sheet = openSheet(order.amount)
  sheet.choice.then((tapped) => {
    note(`sheet_${tapped}`)
    if (tapped === 'pay' && isOn('pay_twice')) note('second_phone')
  })
  return sheet
}

/** WeChat does not know our order; the shop's server needs it where a second phone is to pay it, too. */
const phone = (act, body) => shop.phone(act, act === 'pay' ? { ...body, order_id: order.id } : body)

function renderAll() {
  render()
  renderWeather()
  renderPanel()
}

byId('language').addEventListener('click', () => {
  switchLanguage()
  connect()
  renderAll()
  retell()
})

guarded(async () => {
  menu = await shop.getMenu()
  globalThis.wx = createPretendWx(menu.app_id, phone, openSheetForOrder)
  connect()
  renderAll()
  await loadWeather()
})()
