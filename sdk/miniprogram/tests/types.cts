// Compiled, never run: the package as CommonJS in TypeScript.
import tongbaoMiniprogram = require('tongbao-miniprogram')

const tongbao: tongbaoMiniprogram.Tongbao = tongbaoMiniprogram.createTongbao({ baseUrl: 'https://pay.example.com' })
tongbao.login().then(({ buyerId }) => buyerId.length)
