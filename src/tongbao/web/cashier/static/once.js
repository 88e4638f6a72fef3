// A form goes out once, however often it is tapped.
export function sendOnce(form) {
  let isSent = false
  form.addEventListener('submit', event => {
    if (isSent) return event.preventDefault()
    isSent = true
    event.submitter?.setAttribute('aria-busy', 'true')
  })
  // Back from where it led: the browser shows the page as it was left.
  addEventListener('pageshow', event => {
    if (!event.persisted) return
    isSent = false
    form.querySelectorAll('[aria-busy]').forEach(button => button.removeAttribute('aria-busy'))
  })
}
