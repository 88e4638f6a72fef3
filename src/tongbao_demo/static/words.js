/** What the page says, in the visitor's language. */
import { en } from './words/en.js'
import { zh } from './words/zh.js'

const WORDS = { zh, en }
const KEPT = 'tongbao-demo:language'
let language = localStorage.getItem(KEPT) === 'en' ? 'en' : 'zh'

/** What the page says for `key`, with `{name}` filled in. */
export function t(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name])
}

/** A code of the server's in words, or as it is where the page has none for it. */
export const inWords = (kind, code) => WORDS[language][`${kind}_${code}`] ?? code

/** The one of two that fits: for words that come from the server in both languages. */
export const either = ({ zh, en }) => (language === 'zh' ? zh : en)

/** As in Accept-Language. */
export const locale = () => (language === 'zh' ? 'zh-CN' : 'en')

export function switchLanguage() {
  language = language === 'zh' ? 'en' : 'zh'
  localStorage.setItem(KEPT, language)
}

/** A time of day with its milliseconds, and a day with its minute. */
export function clock(at) {
  const time = new Date(at)
  return time.toLocaleTimeString('en-GB') + '.' + String(time.getMilliseconds()).padStart(3, '0')
}

export function moment(text) {
  const parts = { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
  return new Date(text).toLocaleString(locale(), parts)
}
