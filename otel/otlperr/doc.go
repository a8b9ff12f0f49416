// Package otlperr says what an error of the SDK's OTLP exporters means for the data that was sent.
//
// The exporters return errors of internal types, so this package reads their texts. Its tests run the real exporters of all signals
// against test servers, and fail when an upgrade changes a text.
package otlperr
