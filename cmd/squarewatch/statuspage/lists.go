package statuspage

import "reflect"

// fillLists replaces every nil list in a page's struct by an empty list, so that JSON has [] and not null.
func fillLists(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // nothing else holds a list
	case reflect.Pointer:
		if !v.IsNil() {
			fillLists(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				fillLists(field)
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fillLists(v.Index(i))
		}
	}
}
