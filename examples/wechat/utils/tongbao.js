const { createTongbao, wechat } = require('tongbao-miniprogram')
const { baseUrl, sandboxUrl } = require('../config')
const { pretend } = require('./pretend')

const platform = wechat(wx)

/** One client for the whole mini-program. @type {import('tongbao-miniprogram').Tongbao} */
const tongbao = createTongbao({
  baseUrl,
  host: platform,
  locale: 'zh-CN',
  webViewPage: '/pages/web/web',
  ...(sandboxUrl ? pretend(platform, baseUrl, sandboxUrl) : {}),
})

module.exports = { tongbao, platform }
