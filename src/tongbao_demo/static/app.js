/** The demo's page: four devices, of which one is shown, and what happens behind it. */
import { createCodes } from './codes.js'
import { createCounter } from './counter.js'
import { byId, h } from './dom.js'
import { createMiniProgram } from './miniprogram.js'
import { createFile, lookAt, recount, renderPanel, retell, setClock } from './panel.js'
import { MY_TAPS, createPretendMy } from './pretend-my.js'
import { WX_TAPS, createPretendWx } from './pretend-wx.js'
import { createScreen } from './screen.js'
import { alipay, wechat } from './sdk/index.js'
import { getMenu } from './shop.js'
import { loadWeather, renderWeather } from './weather.js'
import { locale, switchLanguage, t } from './words.js'

const WECHAT = {
  wallet: 'wechat', channel: 'wechatpay', otherChannel: 'alipay', taps: WX_TAPS, pretend: createPretendWx, host: wechat,
}
const ALIPAY = {
  wallet: 'alipay', channel: 'alipay', otherChannel: 'wechatpay', taps: MY_TAPS, pretend: createPretendMy, host: alipay,
}

const DEVICES = {
  wechat: (...around) => createMiniProgram(WECHAT, ...around),
  alipay: (...around) => createMiniProgram(ALIPAY, ...around),
  counter: createCounter,
  codes: createCodes,
}

/** By name: its screen, its file, and what runs on it. */
const devices = new Map()

function build(menu) {
  for (const [name, create] of Object.entries(DEVICES)) {
    const [screen, file] = [createScreen(name), createFile()]
    byId('devices').append(screen.element)
    devices.set(name, { screen, file, device: create(screen, file, menu) })
  }
}

function choose(name) {
  for (const button of document.querySelectorAll('[data-device]')) {
    button.setAttribute('aria-pressed', button.dataset.device === name)
  }
  for (const [each, { screen }] of devices) screen.element.hidden = each !== name
  lookAt(devices.get(name).file)
}

function renderAll() {
  document.documentElement.lang = locale()
  for (const element of document.querySelectorAll('[data-words]')) element.textContent = t(element.dataset.words)
  byId('language').textContent = t('other')
  for (const { device } of devices.values()) device.render()
  renderWeather()
  renderPanel()
}

byId('language').addEventListener('click', () => {
  switchLanguage()
  for (const { device } of devices.values()) device.connect()
  renderAll()
  retell()
})

for (const button of document.querySelectorAll('[data-device]')) {
  button.addEventListener('click', () => choose(button.dataset.device))
}

try {
  const menu = await getMenu()
  setClock(menu.ahead_seconds)
  build(menu)
  choose('wechat')
  renderAll()
  await Promise.all([loadWeather(), recount()])
} catch ({ message }) {
  byId('devices').append(h('p', { class: 'empty' }, message || t('unreachable')))
}
