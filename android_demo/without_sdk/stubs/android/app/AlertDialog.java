package android.app;

import android.content.Context;
import android.content.DialogInterface;
import android.view.View;

public class AlertDialog extends Dialog {
    protected AlertDialog(Context context) { super(context); }

    public static class Builder {
        public Builder(Context context) {}
        public Builder setTitle(int title) { throw new RuntimeException("Stub!"); }
        public Builder setTitle(CharSequence title) { throw new RuntimeException("Stub!"); }
        public Builder setMessage(int message) { throw new RuntimeException("Stub!"); }
        public Builder setMessage(CharSequence message) { throw new RuntimeException("Stub!"); }
        public Builder setView(View view) { throw new RuntimeException("Stub!"); }
        public Builder setItems(CharSequence[] items, DialogInterface.OnClickListener listener) { throw new RuntimeException("Stub!"); }
        public Builder setPositiveButton(int text, DialogInterface.OnClickListener listener) { throw new RuntimeException("Stub!"); }
        public Builder setNegativeButton(int text, DialogInterface.OnClickListener listener) { throw new RuntimeException("Stub!"); }
        public Builder setNeutralButton(int text, DialogInterface.OnClickListener listener) { throw new RuntimeException("Stub!"); }
        public Builder setOnCancelListener(DialogInterface.OnCancelListener listener) { throw new RuntimeException("Stub!"); }
        public AlertDialog show() { throw new RuntimeException("Stub!"); }
    }
}
