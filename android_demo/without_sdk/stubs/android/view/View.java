package android.view;

import android.content.Context;
import android.content.res.Resources;
import android.graphics.Canvas;
import android.util.AttributeSet;

public class View {
    public interface OnClickListener {
        void onClick(View view);
    }

    public interface OnLongClickListener {
        boolean onLongClick(View view);
    }

    public interface OnTouchListener {
        boolean onTouch(View view, MotionEvent event);
    }

    public View(Context context, AttributeSet attributes) {}

    protected void onDraw(Canvas canvas) { throw new RuntimeException("Stub!"); }
    public void invalidate() { throw new RuntimeException("Stub!"); }
    public final int getWidth() { throw new RuntimeException("Stub!"); }
    public final int getHeight() { throw new RuntimeException("Stub!"); }
    public Resources getResources() { throw new RuntimeException("Stub!"); }
    public boolean isEnabled() { throw new RuntimeException("Stub!"); }
    public void setEnabled(boolean enabled) { throw new RuntimeException("Stub!"); }
    public boolean isPressed() { throw new RuntimeException("Stub!"); }
    public void setPressed(boolean pressed) { throw new RuntimeException("Stub!"); }
    public CharSequence getContentDescription() { throw new RuntimeException("Stub!"); }
    public void setContentDescription(CharSequence description) { throw new RuntimeException("Stub!"); }
    public void setOnClickListener(OnClickListener listener) { throw new RuntimeException("Stub!"); }
    public void setOnLongClickListener(OnLongClickListener listener) { throw new RuntimeException("Stub!"); }
    public void setOnTouchListener(OnTouchListener listener) { throw new RuntimeException("Stub!"); }
    public boolean postDelayed(Runnable action, long delayMs) { throw new RuntimeException("Stub!"); }
}
