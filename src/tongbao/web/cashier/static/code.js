import { sendOnce } from './once.js'

sendOnce(document.querySelector('form'))
