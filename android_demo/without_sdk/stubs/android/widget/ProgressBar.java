package android.widget;

import android.content.Context;
import android.util.AttributeSet;
import android.view.View;

public class ProgressBar extends View {
    public ProgressBar(Context context, AttributeSet attributes) { super(context, attributes); }
    public int getProgress() { throw new RuntimeException("Stub!"); }
    public void setProgress(int progress) { throw new RuntimeException("Stub!"); }
}
