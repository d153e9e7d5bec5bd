@matrix.shapes = private constant [64 x i8] c"{shapes}", align 64

; Registers 0 to 3 hold the sums of 16 rows by 16 tokens each, 4 and 5 the weights of those rows, 6 and 7 the codes.
define internal void @matrix.dot(ptr %out, ptr %w, ptr %x, i64 %blocks, i64 %row, i64 %step, i64 %w_move, i64 %x_move, i1 %fetch) alwaysinline nounwind "target-features"="{features}" {
entry:
  call void @llvm.x86.tilezero(i8 0)
  call void @llvm.x86.tilezero(i8 1)
  call void @llvm.x86.tilezero(i8 2)
  call void @llvm.x86.tilezero(i8 3)
  br label %head
head:
  %block = phi i64 [0, %entry], [%next, %product]
  %more = icmp slt i64 %block, %blocks
  br i1 %more, label %body, label %end
body:
  %w_at = mul i64 %block, %w_move
  %x_at = mul i64 %block, %x_move
  %upper_w = getelementptr i8, ptr %w, i64 %w_at
  %lower_w = getelementptr i8, ptr %upper_w, i64 1024
  %left_x = getelementptr i8, ptr %x, i64 %x_at
  %right_x = getelementptr i8, ptr %left_x, i64 64
  br i1 %fetch, label %ahead, label %product
ahead:
{fetches}
  br label %product
product:
  call void @llvm.x86.tileloadd64(i8 4, ptr %upper_w, i64 64)
  call void @llvm.x86.tileloadd64(i8 6, ptr %left_x, i64 %step)
  call void @llvm.x86.tdpbsud(i8 0, i8 4, i8 6)
  call void @llvm.x86.tileloadd64(i8 7, ptr %right_x, i64 %step)
  call void @llvm.x86.tdpbsud(i8 1, i8 4, i8 7)
  call void @llvm.x86.tileloadd64(i8 5, ptr %lower_w, i64 64)
  call void @llvm.x86.tdpbsud(i8 2, i8 5, i8 6)
  call void @llvm.x86.tdpbsud(i8 3, i8 5, i8 7)
  %next = add i64 %block, 1
  br label %head
end:
  %right_out = getelementptr i8, ptr %out, i64 64
  %below = mul i64 %row, 16
  %left_below = getelementptr i8, ptr %out, i64 %below
  %right_below = getelementptr i8, ptr %left_below, i64 64
  call void @llvm.x86.tilestored64(i8 0, ptr %out, i64 %row)
  call void @llvm.x86.tilestored64(i8 1, ptr %right_out, i64 %row)
  call void @llvm.x86.tilestored64(i8 2, ptr %left_below, i64 %row)
  call void @llvm.x86.tilestored64(i8 3, ptr %right_below, i64 %row)
  ret void
}
