package android.view;

import android.content.Context;
import android.util.AttributeSet;

public abstract class ViewGroup extends View {
    public ViewGroup(Context context, AttributeSet attributes) { super(context, attributes); }
    public void addView(View view) { throw new RuntimeException("Stub!"); }
}
