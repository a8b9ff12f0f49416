// Package outbox delivers what package alert decides.
//
// Every [alert.Transition] becomes a message for each notifier of its rule. The [Outbox] writes the change of state and the messages
// in one transaction of its [Store], and keeps each message until its [Notifier] has delivered it. Each notifier has its own queue
// and its own sender: a slow destination delays no other.
package outbox
