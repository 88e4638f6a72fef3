// Compiled, never run: the package inside an Alipay mini-program, whose `my` has the types that Alipay's tools bring.
import { alipay, createTongbao } from 'tongbao-miniprogram'

const tongbao = createTongbao({ baseUrl: 'https://pay.example.com', host: alipay(my) })

export async function greet(): Promise<string> {
  const { profile } = await tongbao.login({ profile: true })
  const { masked } = await tongbao.getPhoneNumber()
  return `${profile?.nickname ?? ''} ${masked}`
}

// @ts-expect-error: what WeChat calls a mini-program is none to Alipay.
alipay({ login() {} })
