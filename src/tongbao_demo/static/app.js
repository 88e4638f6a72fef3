/** The mini-program: a coffee shop that pays with the real SDK. */
import { byId, h, yuan } from './dom.js'
import { openSheet, toast } from './overlay.js'
import { follow, forget, note, renderPanel } from './panel.js'
import { createPretendWx } from './pretend-wx.js'
import { createTongbao } from './sdk/index.js'
import * as shop from './shop.js'
import { either, locale, switchLanguage, t } from './words.js'

let menu = { drinks: [] }
let tongbao

/** What the phone shows: a page, and what it is about. */
let page = welcome
let buyer = null
let cart = new Map()
let order = null
let reason = ''
let isBrewing = false

// What a tap does ---------------------------------------------------------------------------------------------------

async function logIn() {
  buyer = (await tongbao.login()).buyerId
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
  order = await shop.placeOrder(buyer, lines)
  isBrewing = false
  follow(order.id, told)
  show(yourOrder)
}

async function pay() {
  note('pay')
  const result = await tongbao.pay(order.id, { onWaiting: () => { note('waiting'); show(waiting) } })
  conclude(result)
}

async function askAgain() {
  const { status } = await tongbao.getOrder(order.id)
  if (status === 'paid') conclude('paid')
}

function conclude(result) {
  note(result)
  reason = result === 'failed' ? tongbao.lastError()?.message ?? '' : ''
  show({ paid, cancelled, failed, pending }[result])
}

function newOrder() {
  cart = new Map()
  order = null
  forget()
  show(drinks)
}

/** The shop's news about the order: from its own memory, which its webhook has changed. */
function told(brewing) {
  isBrewing = brewing
  if (page === paid) show(paid)
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
      h('button', { type: 'button', class: 'weui-btn weui-btn_primary', disabled: total === 0, onclick: guarded(placeOrder) }, t('order')),
    ),
  )
}

function drink(each) {
  const quantity = cart.get(each.id) ?? 0
  const step = (sign, change) =>
    h('button', { type: 'button', class: 'stepper', 'aria-label': `${sign} ${either(each)}`, onclick: () => choose(each.id, change) }, sign)
  return h(
    'div', { class: 'drink' },
    h('div', { class: 'drink__picture' }, cup(each)),
    h('div', { class: 'drink__name' }, h('b', {}, either(each)), h('span', {}, yuan(each.price))),
    h('div', { class: 'drink__quantity' }, ...(quantity ? [step('−', -1), h('span', {}, String(quantity))] : []), step('+', 1)),
  )
}

function yourOrder() {
  const items = order.items.map(({ reference, quantity, unit_price }) => {
    const named = menu.drinks.find(({ id }) => id === reference)
    return cell(`${either(named)} × ${quantity}`, yuan(unit_price * quantity))
  })
  return h(
    'div', { class: 'order' },
    h('div', { class: 'weui-cells' }, ...items, cell(t('total'), h('b', {}, yuan(order.amount)))),
    h('div', { class: 'weui-cells' }, cell(t('number'), h('small', {}, order.reference)), cell(t('paid_with'), t('wechat_pay'))),
    h('div', { class: 'order__buttons' }, primary('pay', pay), secondary('back', newOrder)),
  )
}

const waiting = () =>
  message(h('i', { class: 'weui-primary-loading weui-primary-loading_brand' }, h('i', { class: 'weui-primary-loading__dot' })), 'waiting', t('waiting_why'))

const paid = () =>
  message(icon('success'), 'paid', h('span', { class: isBrewing ? 'brewing' : '' }, t(isBrewing ? 'brewing' : 'not_brewing')), primary('new_order', newOrder))

const cancelled = () => message(icon('info'), 'cancelled', t('cancelled_why'), primary('again', pay), secondary('back', newOrder))

const failed = () => message(icon('warn'), 'failed', reason, primary('again', pay), secondary('back', newOrder))

const pending = () => message(icon('waiting'), 'pending', t('pending_why'), primary('ask_again', askAgain), secondary('back', newOrder))

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
const primary = (words, act) => button('weui-btn_primary', words, act)
const secondary = (words, act) => button('weui-btn_default', words, act)

function button(kind, words, act) {
  return h('button', { type: 'button', class: `weui-btn ${kind}`, onclick: guarded(act) }, t(words))
}

function cell(left, right) {
  return h('div', { class: 'weui-cell' }, h('div', { class: 'weui-cell__bd' }, left), h('div', { class: 'weui-cell__ft' }, right))
}

function cup({ colour }) {
  const picture = byId('cup').content.cloneNode(true).firstElementChild
  picture.style.setProperty('--drink', colour)
  return picture
}

const chosen = () => menu.drinks.map((each) => [each, cart.get(each.id) ?? 0]).filter(([, quantity]) => quantity > 0)

/** Whatever goes wrong is told, and the page stays where it is. */
function guarded(act) {
  return () => Promise.resolve(act()).catch((error) => toast(error.message))
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
  const choice = sheet.choice.then((tapped) => { note(`sheet_${tapped}`); return tapped })
  return { ...sheet, choice }
}

byId('language').addEventListener('click', () => {
  switchLanguage()
  connect()
  render()
  renderPanel()
})
byId('lose').addEventListener('change', (change) =>
  guarded(() => shop.setFaults({ lose_notifications: change.target.checked }))(),
)

render()
renderPanel()
guarded(async () => {
  menu = await shop.getMenu()
  globalThis.wx = createPretendWx(menu.app_id, shop.phone, openSheetForOrder)
  connect()
  byId('lose').checked = (await shop.getFaults()).lose_notifications
  render()
})()
