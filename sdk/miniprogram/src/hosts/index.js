// One line for each platform.
export { alipay } from './alipay.js'
export { browser } from './browser.js'
export { wechat } from './wechat.js'
