/** The counter: the cashier rings up, and scans the payment code on a buyer's phone. */
import { h, yuan } from './dom.js'
import { buttonsOf, createCart, icon, message, spinner, why } from './parts.js'
import { paidPage } from './refunds.js'
import * as shop from './shop.js'
import { t } from './words.js'

const WALLETS = { wechat: 'wechatpay', alipay: 'alipay' }
const BEHAVIOURS = ['pay', 'password', 'timeout', 'fail']
const NEWS = { is_brewing: false, refunds: [], order: null }

export function createCounter(screen, file, { drinks }) {
  const { primary, secondary, guarded } = buttonsOf(screen)
  const cart = createCart(drinks, () => show(ring))
  let page = ring
  let order = null
  /** How the next buyer behaves, because the visitor wants to see it. */
  let behaviour = 'pay'
  let attempt = null
  let reason = ''
  let known = NEWS

  // What a tap does -------------------------------------------------------------------------------------------------

  async function charge() {
    file.note('ring')
    order = await shop.placeOrder(null, cart.lines())
    known = NEWS
    file.follow(order.id, told)
    show(present)
  }

  async function scan(wallet) {
    const { auth_code: code } = await shop.phone(wallet, 'code', { behaviour })
    await collect(code)
  }

  async function collect(code) {
    file.note('scan', `${code.slice(0, 2)}…${code.slice(-4)}`)
    show(asking)
    try {
      const answer = await shop.collect(order.id, code)
      attempt = answer.attempt
      conclude(attempt)
    } catch (error) {
      refuse(why(error))
    }
    file.hurry()
  }

  function conclude({ state, reason: word }) {
    if (['succeeded', 'surplus'].includes(state)) show(paid)
    else if (['created', 'pending'].includes(state)) show(waiting)
    else refuse(word ?? state)
  }

  function refuse(words) {
    file.note('till_refused')
    reason = words
    show(refused)
  }

  async function answerPassword(right) {
    file.note(right ? 'password' : 'password_wrong')
    const [wallet] = Object.entries(WALLETS).find(([, channel]) => channel === attempt.channel)
    await shop.phone(wallet, 'password', { out_trade_no: attempt.id, right })
    file.hurry()
  }

  async function skipMinute() {
    file.note('skip')
    await file.skip()
  }

  async function callOff() {
    file.note('call_off')
    await shop.callOff(order.id)
    file.hurry()
  }

  function newOrder() {
    cart.clear()
    order = attempt = null
    file.forget()
    show(ring)
  }

  /** The server's news about the order: a password was typed, or nobody typed one. */
  function told(news) {
    known = news
    if (news.order.status === 'paid') show(paid)
    else if (page === waiting) becomeOf(news.order)
  }

  function becomeOf({ status, payments }) {
    // News may be older than the attempt.
    const now = payments.find(({ id }) => id === attempt.id) ?? attempt
    if (status === 'closed' || now.reason === 'reversed') show(reversed)
    else if (['closed', 'failed'].includes(now.state)) refuse(t('till_failed'))
  }

  // The pages -------------------------------------------------------------------------------------------------------

  function ring() {
    return cart.page((more) => primary('charge', charge, more))
  }

  function present() {
    const behave = (name) => {
      const onclick = () => {
        behaviour = name
        render()
      }
      return h('button', { type: 'button', 'aria-pressed': String(behaviour === name), onclick }, t(`behaviour_${name}`))
    }
    const scanButton = (wallet) => {
      const onclick = guarded(() => scan(wallet))
      return h('button', { type: 'button', class: `till__scan till__scan_${wallet}`, onclick }, t(`scan_${wallet}`))
    }
    return h(
      'div', { class: 'till' },
      h('p', { class: 'till__to' }, t('to_collect')),
      h('p', { class: 'till__amount' }, yuan(order.amount)),
      h('div', { class: 'till__scans' }, scanButton('wechat'), scanButton('alipay')),
      h('div', { class: 'pretend' }, h('p', {}, t('this_buyer')), h('div', { class: 'segments' }, ...BEHAVIOURS.map(behave))),
      typed(),
      h('div', { class: 'till__foot' }, secondary('back', newOrder)),
    )
  }

  /** A scanner is a keyboard that ends with Enter. */
  function typed() {
    const words = t('type_code')
    const input = h('input', { class: 'till__code', autocomplete: 'off', placeholder: words, 'aria-label': words })
    const onsubmit = (event) => {
      event.preventDefault()
      if (input.value.trim()) guarded(() => collect(input.value.trim()))()
    }
    const button = h('button', { type: 'submit', class: 'weui-btn weui-btn_mini weui-btn_default' }, t('collect'))
    return h('form', { class: 'till__typed', onsubmit }, input, button)
  }

  function asking() {
    return message(spinner(), 'asking', order.amount, t('asking_why'))
  }

  function waiting() {
    const buttons = [secondary('skip', skipMinute), secondary('call_off', callOff)]
    const shown = message(spinner(), 'till_waiting', order.amount, t('till_waiting_why'), ...buttons)
    if (behaviour === 'password') shown.lastChild.before(buyersPhone())
    return shown
  }

  function buyersPhone() {
    const [right, wrong] = [() => answerPassword(true), () => answerPassword(false)]
    return h(
      'div', { class: 'pretend' },
      h('p', {}, t('buyers_phone')), primary('password', right), secondary('password_wrong', wrong),
    )
  }

  function paid() {
    const payment = (known.order?.payments ?? [attempt]).find(({ state }) => state === 'succeeded')
    const words = payment ? t('paid_by', { channel: t(`channel_${payment.channel}`) }) : ''
    const says = { title: 'collected', words: h('span', { class: 'brewing' }, words), next: primary('next_buyer', newOrder), wish: 'give_back' }
    return paidPage(screen, file, says, { order, refunds: known.refunds, drinks, session: async () => null })
  }

  const scanAgain = () => show(present)

  function refused() {
    return message(icon('warn'), 'till_refused', order.amount, reason, primary('scan_again', scanAgain), secondary('back', newOrder))
  }

  function reversed() {
    const again = known.order.status === 'open' ? [primary('scan_again', scanAgain)] : []
    return message(icon('info'), 'reversed', order.amount, t('reversed_why'), ...again, secondary('back', newOrder))
  }

  function show(next) {
    page = next
    render()
  }

  function render() {
    screen.show(t('counter_title'), page())
  }

  return { render, connect() {} }
}
