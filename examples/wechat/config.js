// Where things are. These are the addresses of `make demo`, on the machine on which this runs.
module.exports = {
  /** The Tongbao server. */
  baseUrl: 'http://127.0.0.1:8000',
  /** The shop's own server. It holds the API key and sets the prices; this mini-program does neither. */
  shopUrl: 'http://127.0.0.1:8000/demo',
  /** The sandbox that stands in for WeChat's log-in and pay sheet. Empty in real life. */
  sandboxUrl: 'http://127.0.0.1:8700',
}
