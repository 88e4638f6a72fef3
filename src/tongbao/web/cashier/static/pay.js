// The page of an order is whole without this; with it it moves by itself.
import { sendOnce } from './once.js'

const watched = document.getElementById('watch').dataset
const PAYABLE = ['open', 'failed']
const isUnsettled = [...PAYABLE, 'checking'].includes(watched.stage)

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

function showAnew() {
  location.replace(watched.page)
}

async function watch() {
  for (;;) {
    try {
      const answer = await fetch(`${watched.wait}?seen=${watched.stage}`, { cache: 'no-store' })
      if (!answer.ok) throw new Error(answer.statusText)
      const { stage } = await answer.json()
      if (stage !== watched.stage) return showAnew()
      await pause(500)
    } catch {
      await pause(3000)
    }
  }
}

function countDown(clock) {
  const ends = performance.now() + 1000 * Number(clock.dataset.seconds)
  const tick = () => {
    const left = Math.max(0, Math.round((ends - performance.now()) / 1000))
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60]
    const parts = hours ? [hours, minutes, seconds] : [minutes, seconds]
    clock.textContent = parts.map((part, place) => (place ? String(part).padStart(2, '0') : part)).join(':')
  }
  tick()
  setInterval(tick, 1000)
}

function copyOnTap(button) {
  const address = document.getElementById('address')
  button.addEventListener('click', async () => {
    address.select()
    try {
      await navigator.clipboard.writeText(address.value)
    } catch {
      document.execCommand('copy') // browsers inside apps have no clipboard
    }
    button.textContent = button.dataset.done
  })
}

async function showCode(place) {
  const button = place.querySelector('button')
  if (!button) return
  const headers = { accept: 'application/json' }
  const answer = await fetch(watched.page, { method: 'POST', headers, body: new URLSearchParams({ way: place.dataset.way }) })
  if (!answer.ok || !answer.headers.get('content-type').includes('json')) return
  const image = new Image()
  image.className = 'scan__code'
  image.alt = place.querySelector('p').textContent
  image.src = (await answer.json()).picture
  button.replaceWith(image)
}

function openSheet(params) {
  const open = () =>
    window.WeixinJSBridge.invoke('getBrandWCPayRequest', params, result => {
      // Only our server knows whether it is paid: `ok` here is a reason to look, not an answer.
      document.getElementById('cancelled').hidden = result.err_msg !== 'get_brand_wcpay_request:cancel'
    })
  if (window.WeixinJSBridge) open()
  else document.addEventListener('WeixinJSBridgeReady', open, { once: true })
}

const ways = document.querySelector('form.ways')
const sheet = document.getElementById('sheet')
const copy = document.getElementById('copy')
const left = document.getElementById('left')
if (isUnsettled) watch()
if (left) countDown(left)
if (ways) sendOnce(ways)
if (copy) copyOnTap(copy)
if (sheet) openSheet(JSON.parse(sheet.dataset.sheet))
document.querySelectorAll('.scan').forEach(place => showCode(place).catch(() => undefined))
