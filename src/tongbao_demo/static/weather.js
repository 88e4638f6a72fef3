/** The switches that make something go wrong. The shop's server turns the sandbox's dial. */
import { byId, h } from './dom.js'
import { changeWeather, getWeather } from './shop.js'
import { t } from './words.js'

const SWITCHES = ['lose_notifications', 'pay_twice', 'wrong_amount', 'abnormal_refunds']

let weather = {}

export const isOn = (name) => weather[name] === true

export async function loadWeather() {
  weather = await getWeather()
  renderWeather()
}

export function renderWeather() {
  byId('switches').replaceChildren(...SWITCHES.map(row))
}

function row(name) {
  const onchange = () => turn(name, input)
  const input = h('input', { class: 'weui-switch', type: 'checkbox', checked: isOn(name), 'aria-label': t(name), onchange })
  const words = h('span', {}, h('strong', {}, t(name)), h('small', {}, t(`${name}_why`)))
  return h('label', { class: 'weather__switch' }, words, input)
}

/** The switch shows what the server says, also where it could not be turned. */
async function turn(name, input) {
  weather = await changeWeather({ [name]: input.checked }).catch(() => weather)
  input.checked = isOn(name)
}
