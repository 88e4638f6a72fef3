// What other platforms than WeChat have: this code looks whether it is there.
declare const my: import('../index.js').AlipayApi
declare const document: unknown
declare const window: import('../index.js').BrowserApi
