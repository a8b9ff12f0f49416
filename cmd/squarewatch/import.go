package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"squarewatch/cmd/squarewatch/openapi"
)

func newImportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Make probes from the description of an API",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newImportOpenAPICommand())
	return cmd
}

func newImportOpenAPICommand() *cobra.Command {
	var target, schedule string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "openapi FILE-OR-URL",
		Short: "Write probes for the read-only operations of an OpenAPI document",
		Long: "Write a configuration file with a probe for each GET and HEAD operation of an OpenAPI document (3.x, or Swagger 2.0),\n" +
			"with the statuses of success that the document names. What is left out, and why, is printed on standard error.\n" +
			"Nothing is sent to the API, and nothing that the document refers to is fetched.",
		Example: "  squarewatch import openapi openapi.yaml > probes.yaml\n" +
			"  squarewatch import openapi https://api.example.org/openapi.json --target https://staging.example.org",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := importOptions(target, schedule)
			if err != nil {
				return err
			}
			imported, err := importOpenAPI(cmd.Context(), args[0], options)
			if err != nil {
				return err
			}
			if asJSON {
				return printImport(cmd.OutOrStdout(), imported)
			}
			printLeftOut(cmd.ErrOrStderr(), imported)
			if len(imported.Probes) == 0 {
				return errors.New("no operation can become a probe, for the reasons above: write probes yourself")
			}
			return imported.Write(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&target, "target", "", "`address` of the API, with the path that all others begin with (default: the document's)")
	cmd.Flags().StringVar(&schedule, "schedule", "@every 1m", "`schedule` of all probes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: the file as a text, and what is left out")
	return cmd
}

// importJSON is what import openapi --json prints.
type importJSON struct {
	Title   string        `json:"title"`
	File    string        `json:"file"` // the configuration file; empty without probes
	Probes  int           `json:"probes"`
	LeftOut []leftOutJSON `json:"left_out"`
	Writes  int           `json:"writes"` // operations that are left out because their method may change something
}

type leftOutJSON struct {
	Operation string `json:"operation"`
	Reason    string `json:"reason"`
}

// printImport prints the result of an import as JSON. It returns errPrinted when there are no probes.
func printImport(w io.Writer, imported *openapi.Import) error {
	out := importJSON{Title: imported.Title, Probes: len(imported.Probes), LeftOut: []leftOutJSON{}, Writes: imported.Writes}
	for _, left := range imported.LeftOut {
		out.LeftOut = append(out.LeftOut, leftOutJSON(left))
	}
	if out.Probes > 0 {
		var file strings.Builder
		if err := imported.Write(&file); err != nil {
			return err
		}
		out.File = file.String()
	}
	if err := writeJSON(w, out); err != nil {
		return err
	}
	if out.Probes == 0 {
		return errPrinted
	}
	return nil
}

func importOptions(target, schedule string) (options openapi.Options, err error) {
	if err = options.Schedule.UnmarshalText([]byte(schedule)); err != nil {
		return options, usageError{fmt.Errorf("--schedule: %w", err)}
	}
	if target == "" {
		return options, nil
	}
	if options.Target, err = openapi.ParseTarget(target); err != nil {
		return options, usageError{fmt.Errorf("--target: %w", err)}
	}
	return options, nil
}

// importOpenAPI reads a document and makes probes from it. It returns when ctx ends, also while a large document is read.
func importOpenAPI(ctx context.Context, source string, options openapi.Options) (*openapi.Import, error) {
	type outcome struct {
		imported *openapi.Import
		err      error
	}
	done := make(chan outcome, 1)
	go func() {
		data, err := readDocument(ctx, source, &options)
		if err != nil {
			done <- outcome{nil, err}
			return
		}
		imported, err := openapi.Read(data, options)
		done <- outcome{imported, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, fmt.Errorf("import %s: %w", source, o.err)
		}
		return o.imported, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// readDocument reads a file, or the answer to one GET. It reads at most one byte more than is allowed.
func readDocument(ctx context.Context, source string, options *openapi.Options) ([]byte, error) {
	if strings.HasPrefix(source, "https://") || strings.HasPrefix(source, "http://") {
		return fetchDocument(ctx, source, options)
	}
	file, err := os.Open(source) //nolint:gosec // the person at the command line names the file
	if err != nil {
		if reason, ok := errors.AsType[*os.PathError](err); ok {
			return nil, reason.Err // the caller names the file
		}
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, openapi.MaxSize+1))
}

// fetchLimit is how long the fetch of a document may take.
const fetchLimit = time.Minute

// fetchDocument gets a document, and sets its address in the options.
func fetchDocument(ctx context.Context, address string, options *openapi.Options) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, errors.New("the address cannot be read: write https://, a host and a path")
	}
	request.Header.Set("User-Agent", userAgent())
	response, err := new(http.Client).Do(request)
	if err != nil {
		if reason, ok := errors.AsType[*url.Error](err); ok {
			err = reason.Err // the caller names the address
		}
		return nil, fmt.Errorf("fetch the document: %w; fetch it yourself and name the file", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the document: the answer is %d; fetch it yourself and name the file", response.StatusCode)
	}
	options.Document = response.Request.URL
	return io.ReadAll(io.LimitReader(response.Body, openapi.MaxSize+1))
}

// printLeftOut prints which operations get no probe, and why.
func printLeftOut(w io.Writer, imported *openapi.Import) {
	w = printable{w}
	for _, left := range imported.LeftOut {
		_, _ = fmt.Fprintf(w, "left out: %s: %s\n", left.Operation, left.Reason)
	}
	if imported.Writes > 0 {
		_, _ = fmt.Fprintf(w, "left out: %d operations with another method than GET and HEAD: they may change something\n", imported.Writes)
	}
	const minutesPerDay = 24 * 60
	perMinute := runsPerDay(imported.Schedule, time.Now()) * float64(len(imported.Probes)) / minutesPerDay
	_, _ = fmt.Fprintf(w, "%s: %d probes, %.3g requests a minute (--schedule changes that); %d operations left out\n",
		imported.Title, len(imported.Probes), perMinute, len(imported.LeftOut)+imported.Writes)
}
