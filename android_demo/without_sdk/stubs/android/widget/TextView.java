package android.widget;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;

public class TextView extends View {
    public TextView(Context context, AttributeSet attributes) { super(context, attributes); }
    public CharSequence getText() { throw new RuntimeException("Stub!"); }
    public final void setText(CharSequence text) { throw new RuntimeException("Stub!"); }
    public final void setText(int text) { throw new RuntimeException("Stub!"); }
    public final void setHint(int hint) { throw new RuntimeException("Stub!"); }
    public int getInputType() { throw new RuntimeException("Stub!"); }
    public void setInputType(int type) { throw new RuntimeException("Stub!"); }
}
