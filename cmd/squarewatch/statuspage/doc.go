// Package statuspage serves the page for the person on call, as HTML and as JSON.
//
// [Snapshot] is what the daemon knows at one time. Pure functions make a page's struct of it ([NewHome] and its neighbours). A template
// shows the struct as HTML, and the same struct encoded is the page's JSON. The page is complete without JavaScript; with it, the page
// listens to server-sent events and takes over what changed.
package statuspage
